package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

func TestReportIsMadeAgainOnlyAfterDelete(t *testing.T) {
	rdb := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	defer rdb.Close()
	var out strings.Builder
	if err := show(t.Context(), rdb, &out); err != nil {
		t.Fatalf("show() = %v, want nil", err)
	}
	made := regexp.MustCompile(`made at (\S+),`).FindAllStringSubmatch(out.String(), -1)
	if len(made) != 4 {
		t.Fatalf("show() printed %d reports, want 4:\n%s", len(made), &out)
	}
	for i := 1; i <= 2; i++ {
		if first, again := made[0][1], made[i][1]; again != first {
			t.Errorf("report %d was made at %s, want %s as the first", i+1, again, first)
		}
	}
	if third, last := made[2][1], made[3][1]; last == third {
		t.Errorf("the report after Delete was made at %s as the one before, want a new one", last)
	}
}
