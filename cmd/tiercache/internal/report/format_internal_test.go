package report

import (
	"testing"
	"time"
)

func TestNumbersAreShort(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{number(0), "0"},
		{number(999), "999"},
		{number(1000), "1,000"},
		{number(uint64(18446744073709551615)), "18,446,744,073,709,551,615"},
		{plural(1, "entry"), "1 entry"},
		{plural(2000, "entry"), "2,000 entries"},
		{plural(2, "key"), "2 keys"},
		{plural(0, "write"), "0 writes"},
		{percent(0), "0.00%"},
		{percent(0.00001), "<0.01%"},
		{percent(0.5), "50.00%"},
		{percent(0.99999), ">99.99%"},
		{percent(1), "100.00%"},
		{span(0), "0ns"},
		{span(999), "999ns"},
		{span(1234), "1.23µs"},
		{span(12345), "12.3µs"},
		{span(123456), "123µs"},
		{span(999_600), "1.00ms"},
		{span(3 * time.Second), "3.00s"},
		{span(99 * time.Second), "99.0s"},
		{span(time.Hour), "3600s"},
		{rate(1500, 3*time.Second), "500/s"},
		{rate(1500, 0), "-"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}
