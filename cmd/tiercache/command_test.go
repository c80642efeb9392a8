package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// command runs the program and returns what it says.
func command(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	status = run(t.Context(), args, &out, &err)
	return status, out.String(), err.String()
}

func TestBadInputIsOneLineAndStatus2AndNothingElse(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	damaged := file("damaged.arc", "1 2 0 0\n3 1 0 1\nthree 1 0 2\n")
	empty := file("empty.txt", "\n\n")
	page := filepath.Join(dir, "report.html")
	for _, tt := range []struct {
		args string // separated by spaces
		want string
	}{
		{"play", `unknown command "play"`},
		{"replay -bogus", "-bogus"},
		{"replay now", `unexpected argument "now"`},
		{"replay -requests x", `invalid value "x" for flag -requests`},
		{"replay -requests -1", "-requests must not be negative"},
		{"replay -requests 0", "-requests must be at least 1"},
		{"replay -duration 3", `invalid value "3" for flag -duration`},
		{"replay -duration -1s", "-duration must be positive"},
		{"replay -duration 0s", "-duration must be positive"},
		{"replay -writes 101%", `invalid value "101%" for flag -writes`},
		{"replay -writes 2", `invalid value "2" for flag -writes`},
		{"replay -writes -1%", `invalid value "-1%" for flag -writes`},
		{"replay -writes NaN", `invalid value "NaN" for flag -writes`},
		{"replay -writes some", `invalid value "some" for flag -writes`},
		{"replay -write-op append", `unknown write operation "append"`},
		{"replay -engine memcached", `unknown engine "memcached"`},
		{"replay -engine otter,", `unknown engine ""`},
		{"replay -memory 0", `"0" is no number of entries`},
		{"replay -memory 10,x", `"x" is no number of entries`},
		{"replay -codec xml", `-codec: unknown codec "xml"`},
		{"replay -codec json+lzw", `-codec: unknown compression "lzw"`},
		{"replay -codec json -far=false", "-codec is of the far tier"},
		{"replay -keys 0", "-keys must be"},
		{"replay -skew -1", "-skew must be"},
		{"replay -skew NaN", "-skew must be"},
		{"replay -instances 0", "-instances must be"},
		{"replay -concurrency 0", "-concurrency must be"},
		{"replay -value-size -1", "-value-size must be"},
		{"replay -ttl 0s", "-ttl must be"},
		{"replay -timeout 0s", "-timeout must be"},
		{"replay -load-time -1ms", "-load-time must not"},
		{"replay -seed -1", `invalid value "-1" for flag -seed`},
		{"replay -trace " + filepath.Join(dir, "absent"), "no such file"},
		{"replay -trace " + dir, "is a directory"},
		{"replay -trace=", "-trace names no file"},
		{"replay -trace " + damaged, damaged + `: line 3: "three" is not a block number`},
		{"replay -trace " + damaged + " -trace-format lirs", "line 1"},
		{"replay -trace " + empty, "no requests"},
		{"replay -trace testdata/small.arc -trace-format csv", `unknown trace format "csv"`},
		{"replay -trace-format arc", "-trace-format goes with -trace"},
		{"replay -trace testdata/small.arc -keys 10", "do not go with -trace"},
		{"replay -redis=", "-redis names no server"},
		{"replay -redis 127.0.0.1:1", "redis at 127.0.0.1:1"},
		{"replay -redis http://127.0.0.1", `-redis "http://127.0.0.1"`},
		{"replay -html=", "-html names no file"},
		{"replay -html " + dir, "is a directory"},
		{"replay -html " + filepath.Join(dir, "absent", "report.html"), "no such file"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			args := strings.Fields(tt.args)
			if args[0] == "replay" && !strings.Contains(tt.args, "-html") {
				args = append([]string{"replay", "-html", page}, args[1:]...)
			}
			status, stdout, stderr := command(t, args...)
			if status != 2 {
				t.Errorf("status = %d, want 2", status)
			}
			if stdout != "" {
				t.Errorf("stdout = %q, want nothing", stdout)
			}
			if !strings.HasPrefix(stderr, "tiercache: ") || strings.Count(stderr, "\n") != 1 || !strings.HasSuffix(stderr, "\n") {
				t.Errorf("stderr = %q, want one line", stderr)
			}
			if !strings.Contains(stderr, tt.want) {
				t.Errorf("stderr = %q, want it to tell %q", stderr, tt.want)
			}
			left, err := filepath.Glob(filepath.Join(dir, "*.html"))
			hidden, _ := filepath.Glob(filepath.Join(dir, ".*"))
			if err != nil || len(left)+len(hidden) > 0 {
				t.Errorf("files left over: %q %q, %v", left, hidden, err)
			}
		})
	}
}

func TestWithoutACommandTheUsageIsPrinted(t *testing.T) {
	status, stdout, stderr := command(t)
	if status != 2 || stdout != "" || !strings.Contains(stderr, "tiercache replay [flags]") {
		t.Errorf("status %d, stdout %q, stderr %q, want 2 and the usage", status, stdout, stderr)
	}
}

func TestHelpIsNoError(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"-h"}, {"--help"}} {
		status, stdout, stderr := command(t, args...)
		if status != 0 || !strings.Contains(stdout, "tiercache replay [flags]") || stderr != "" {
			t.Errorf("%q: status %d, stdout %q, stderr %q", args, status, stdout, stderr)
		}
	}
	status, stdout, stderr := command(t, "replay", "-h")
	if status != 0 || !strings.Contains(stdout, "-write-op operation") || stderr != "" {
		t.Errorf("replay -h: status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
}
