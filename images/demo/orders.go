package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// order is one row: taken by a web replica, packed by a worker.
type order struct {
	ID       int64   `json:"id"`
	Item     string  `json:"item"`
	TakenBy  string  `json:"taken_by"`
	PackedBy *string `json:"packed_by"` // nil until a worker has packed it
}

// orders is the table of orders.
type orders struct{ pool *pgxpool.Pool }

// databaseURL reads DATABASE_HOST, DATABASE_PORT (5432), DATABASE_USER (postgres), DATABASE_NAME (the
// user's name) and DATABASE_PASSWORD_FILE. It is "" where DATABASE_HOST is not set.
func databaseURL(env func(string) string) (string, error) {
	if env("DATABASE_HOST") == "" {
		return "", nil
	}
	user := or(env("DATABASE_USER"), "postgres")
	place := url.URL{
		Scheme: "postgres",
		User:   url.User(user),
		Host:   net.JoinHostPort(env("DATABASE_HOST"), or(env("DATABASE_PORT"), "5432")),
		Path:   or(env("DATABASE_NAME"), user),
	}
	if file := env("DATABASE_PASSWORD_FILE"); file != "" {
		password, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("read database password: %w", err)
		}
		place.User = url.UserPassword(user, strings.TrimSpace(string(password)))
	}
	return place.String(), nil
}

// openOrders does not connect yet: the first query does.
func openOrders(ctx context.Context, database string) (*orders, error) {
	pool, err := pgxpool.New(ctx, database)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return &orders{pool}, nil
}

func (o *orders) close() { o.pool.Close() }

func (o *orders) createTable(ctx context.Context) error {
	_, err := o.pool.Exec(ctx, `create table if not exists orders (
		id bigint generated always as identity primary key,
		item text not null, taken_by text not null, packed_by text)`)
	return err
}

func (o *orders) add(ctx context.Context, item, by string) (order, error) {
	added := order{Item: item, TakenBy: by}
	row := o.pool.QueryRow(ctx, `insert into orders (item, taken_by) values ($1, $2) returning id`, item, by)
	if err := row.Scan(&added.ID); err != nil {
		return order{}, fmt.Errorf("store order: %w", err)
	}
	return added, nil
}

func (o *orders) list(ctx context.Context) ([]order, error) {
	rows, err := o.pool.Query(ctx, `select id, item, taken_by, packed_by from orders order by id`)
	if err != nil {
		return nil, fmt.Errorf("read orders: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[order])
	if err != nil {
		return nil, fmt.Errorf("read orders: %w", err)
	}
	return list, nil
}

// pack takes the oldest unpacked order that no other worker holds; false says that there is none.
func (o *orders) pack(ctx context.Context, by string) (order, bool, error) {
	rows, err := o.pool.Query(ctx, `update orders set packed_by = $1 where id = (
		select id from orders where packed_by is null order by id limit 1 for update skip locked)
		returning id, item, taken_by, packed_by`, by)
	if err != nil {
		return order{}, false, fmt.Errorf("pack order: %w", err)
	}
	packed, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[order])
	if errors.Is(err, pgx.ErrNoRows) {
		return order{}, false, nil
	}
	if err != nil {
		return order{}, false, fmt.Errorf("pack order: %w", err)
	}
	return packed, true, nil
}

// retry repeats try every 200ms until it succeeds, ctx ends or the limit is over.
func retry(ctx context.Context, limit time.Duration, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		err := try(ctx)
		if err == nil || !sleep(ctx, 200*time.Millisecond) {
			return err
		}
	}
}
