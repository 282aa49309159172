package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"
)

var errNoDatabase = errors.New("DATABASE_HOST is not set")

// databaseLimit is how long migrate and worker try to reach the database before they give up.
const databaseLimit = time.Minute

func migrate(ctx context.Context, env func(string) string) error {
	table, err := openFromEnvironment(ctx, env)
	if err != nil {
		return err
	}
	defer table.close()
	if err := retry(ctx, databaseLimit, table.createTable); err != nil {
		return fmt.Errorf("create table: %w", err)
	}
	log.Print("demo: the table of orders is there")
	return nil
}

// work packs orders until ctx ends.
func work(ctx context.Context, env func(string) string) error {
	table, err := openFromEnvironment(ctx, env)
	if err != nil {
		return err
	}
	defer table.close()
	name, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("read host name: %w", err)
	}
	log.Print("demo: ", name, " is packing orders")
	for ctx.Err() == nil {
		var packed order
		var found bool
		err := retry(ctx, databaseLimit, func(ctx context.Context) (err error) {
			packed, found, err = table.pack(ctx, name)
			return err
		})
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case found:
			log.Printf("demo: packed order %d (%s)", packed.ID, packed.Item)
		default:
			sleep(ctx, 250*time.Millisecond)
		}
	}
	return nil
}

func openFromEnvironment(ctx context.Context, env func(string) string) (*orders, error) {
	database, err := databaseURL(env)
	if err != nil {
		return nil, err
	}
	if database == "" {
		return nil, errNoDatabase
	}
	return openOrders(ctx, database)
}
