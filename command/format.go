package command

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"text/template"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/urfave/cli/v2"
)

// column is one column of a listing's table.
type column[T any] struct {
	header string
	cell   func(T) string
}

func formatFlag() cli.Flag {
	return &cli.StringFlag{Name: "format", Usage: "table, json (one object a line), or a Go template: '{{.Name}}', 'table {{.Name}}\\t{{.State}}'"}
}

// printList writes rows as a table, as one JSON object a line, or through a template.
func printList[T any](out io.Writer, format string, rows []T, columns []column[T]) error {
	switch {
	case format == "" || format == "table":
		lines := make([][]string, len(rows))
		for i, row := range rows {
			for _, c := range columns {
				lines[i] = append(lines[i], c.cell(row))
			}
		}
		header := make([]string, len(columns))
		for i, c := range columns {
			header[i] = c.header
		}
		return printTable(out, header, lines)
	case format == "json":
		return printJSONLines(out, rows)
	case strings.HasPrefix(format, "table "):
		return printTemplateTable(out, strings.TrimPrefix(format, "table "), rows)
	}
	shape, err := parseTemplate[T](format)
	if err != nil {
		return err
	}
	for _, row := range rows {
		text, err := fill(shape, row)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(out, text); err != nil {
			return err
		}
	}
	return nil
}

func printJSONLines[T any](out io.Writer, rows []T) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for _, row := range rows {
		if err := encoder.Encode(row); err != nil {
			return err
		}
	}
	return nil
}

// printTable looks as docker's tables do: capitals over columns, three spaces between, no lines.
func printTable(out io.Writer, header []string, lines [][]string) error {
	writer := table.NewWriter()
	writer.SetStyle(table.Style{
		Box:    table.BoxStyle{PaddingRight: "   "},
		Format: table.FormatOptions{Header: text.FormatUpper},
	})
	writer.SuppressTrailingSpaces()
	if len(header) > 0 {
		writer.AppendHeader(cells(header))
	}
	for _, line := range lines {
		writer.AppendRow(cells(line))
	}
	_, err := fmt.Fprintln(out, writer.Render())
	return err
}

func cells(words []string) table.Row {
	row := make(table.Row, len(words))
	for i, word := range words {
		row[i] = printable(word)
	}
	return row
}

// printTemplateTable aligns a template's tab-separated cells under a header made of the field names in it.
func printTemplateTable[T any](out io.Writer, format string, rows []T) error {
	shape, err := parseTemplate[T](format)
	if err != nil {
		return err
	}
	header, err := fill(shape, headers[T]())
	if err != nil {
		return err
	}
	lines := make([][]string, len(rows))
	for i, row := range rows {
		text, err := fill(shape, row)
		if err != nil {
			return err
		}
		lines[i] = strings.Split(text, "\t")
	}
	return printTable(out, strings.Split(header, "\t"), lines)
}

// headers is a value of a row's fields in which every field is its own name.
func headers[T any]() map[string]string {
	names := map[string]string{}
	kind := reflect.TypeFor[T]()
	for i := range kind.NumField() {
		if !kind.Field(i).IsExported() {
			continue
		}
		names[kind.Field(i).Name] = strings.ToUpper(kind.Field(i).Name)
	}
	return names
}

// templateWords are the functions of docker's templates.
var templateWords = template.FuncMap{
	"json": func(v any) (string, error) {
		var b strings.Builder
		encoder := json.NewEncoder(&b)
		encoder.SetEscapeHTML(false)
		err := encoder.Encode(v)
		return strings.TrimSpace(b.String()), err
	},
	"join":  strings.Join,
	"split": strings.Split,
	"lower": strings.ToLower,
	"upper": strings.ToUpper,
	"truncate": func(s string, n int) string {
		return string([]rune(s)[:min(max(n, 0), len([]rune(s)))])
	},
}

// parseTemplate reads a template for rows of one type. It is tried on an empty row, so that a wrong field is told
// whether or not there are rows.
func parseTemplate[T any](format string) (*template.Template, error) {
	if !strings.Contains(format, "{{") {
		return nil, &usageError{msg: "--format: " + quoted(format) + " is not allowed", hint: formatHint}
	}
	format = strings.NewReplacer(`\t`, "\t", `\n`, "\n").Replace(format)
	shape, err := template.New("format").Funcs(templateWords).Parse(format)
	if err != nil {
		return nil, &usageError{msg: fmt.Sprintf("--format: %v", err), hint: formatHint}
	}
	if err := unknownField[T](shape); err != nil {
		return nil, err
	}
	return shape, nil
}

const formatHint = "it takes table, json, or a Go template such as '{{.Name}}'"

// unknownField is an error where a template asks a row for a field that it does not have.
func unknownField[T any](shape *template.Template) error {
	var empty T
	err := shape.Execute(io.Discard, empty)
	if err == nil || !strings.Contains(err.Error(), "can't evaluate field") {
		return nil // what an empty row cannot do, a full one may
	}
	_, what, _ := strings.Cut(err.Error(), "can't evaluate field ")
	field, _, _ := strings.Cut(what, " ")
	return &usageError{
		msg:  "--format: there is no field " + quoted(field),
		hint: "fields: " + strings.Join(sortedKeys(headers[T]()), ", "),
	}
}

func fill(shape *template.Template, row any) (string, error) {
	var b strings.Builder
	if err := shape.Execute(&b, row); err != nil {
		return "", &usageError{msg: fmt.Sprintf("--format: %v", err)}
	}
	return b.String(), nil
}
