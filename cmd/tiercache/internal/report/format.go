package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// number returns n with its digits in groups of three.
func number[N int | uint64](n N) string {
	s := strconv.FormatUint(uint64(n), 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// percent returns a share from 0 to 1. What is not quite nothing is not shown as nothing, nor what is not quite all as all.
func percent(share float64) string {
	switch p := 100 * share; {
	case p > 0 && p < 0.005:
		return "<0.01%"
	case p < 100 && p > 99.995:
		return ">99.99%"
	default:
		return fmt.Sprintf("%.2f%%", p)
	}
}

// span returns a duration with three digits.
func span(d time.Duration) string {
	units := []struct {
		name string
		size time.Duration
	}{{"ns", 1}, {"µs", time.Microsecond}, {"ms", time.Millisecond}, {"s", time.Second}}
	for i, u := range units {
		v := float64(d) / float64(u.size)
		last := i == len(units)-1
		switch {
		case u.size == 1 && v < 999.5 || last && v >= 99.95:
			return fmt.Sprintf("%.0f%s", v, u.name)
		case v < 9.995:
			return fmt.Sprintf("%.2f%s", v, u.name)
		case v < 99.95:
			return fmt.Sprintf("%.1f%s", v, u.name)
		case v < 999.5:
			return fmt.Sprintf("%.0f%s", v, u.name)
		}
	}
	return d.String()
}

// rate returns how many of n there were in a second.
func rate(n uint64, in time.Duration) string {
	if in <= 0 {
		return "-"
	}
	return number(uint64(math.Round(float64(n)/in.Seconds()))) + "/s"
}

// quotient returns a ratio with two digits.
func quotient(v float64) string { return fmt.Sprintf("%.2f", v) }

// plural returns n and a noun.
func plural[N int | uint64](n N, one string) string {
	if n == 1 {
		return "1 " + one
	}
	if stem, ok := strings.CutSuffix(one, "y"); ok && one != "key" {
		return number(n) + " " + stem + "ies"
	}
	return number(n) + " " + one + "s"
}
