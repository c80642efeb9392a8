// Mutations switches off the guards of the coherence contract, one after the other, and runs the test that has to notice.
//
//	go run ./internal/mutations [-only text] [-list] [-v]
//
// It prints a table in Markdown. A guard of which nothing depends is no guard, and a test that does not notice its absence tests something else: the
// command fails if one survives. The files of the checkout stay as they are. It needs a redis-server, and a few minutes.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	only := flag.String("only", "", "try only what has this in its name, its test or its package")
	list := flag.Bool("list", false, "print the table, and run nothing")
	verbose := flag.Bool("v", false, "show what the tests print")
	flag.Parse()
	root, err := moduleRoot()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutations:", err)
		os.Exit(2)
	}
	details := io.Discard
	if *verbose {
		details = io.Writer(os.Stderr)
	}
	failed := false
	fmt.Print(tableHead)
	for _, m := range mutations {
		if !strings.Contains(m.guard+"\n"+m.test+"\n"+m.pkg, *only) {
			continue
		}
		if !*list {
			if err := m.try(root, details); err != nil {
				failed = true
				fmt.Fprintf(os.Stderr, "mutations: %s: %v\n", m.guard, err)
				continue
			}
		}
		fmt.Print(m.row())
	}
	if failed {
		os.Exit(1)
	}
}

const tableHead = "| Guard | Switched off | Noticed by |\n| --- | --- | --- |\n"

// row returns the line of a table for a mutation that was noticed.
func (m mutation) row() string {
	where := ""
	if dir := strings.TrimPrefix(m.pkg, "./"); dir != "." {
		where = fmt.Sprintf(" in `%s`", dir)
	}
	return fmt.Sprintf("| %s | %s | `%s`%s |\n", m.guard, m.off, m.test, where)
}
