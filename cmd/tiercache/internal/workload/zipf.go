package workload

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Zipf is a workload in which the k-th most popular key is asked for in proportion to 1 / k^skew. Every worker
// draws from a generator of its own, so that a seed gives each the same requests again.
type Zipf struct {
	keys     []string
	sampler  sampler
	seed     uint64
	requests int
}

// NewZipf returns a workload over n keys, at least 1. A skew of 0 makes all keys equally popular; it must not be negative. The
// workload ends after so many requests, or never if they are 0.
func NewZipf(n int, skew float64, seed uint64, requests int) *Zipf {
	z := &Zipf{keys: make([]string, n), sampler: newSampler(n, skew), seed: seed, requests: requests}
	for i := range z.keys {
		z.keys[i] = fmt.Sprintf("key:%d", i+1)
	}
	return z
}

// Keys returns the keys, the most popular first.
func (z *Zipf) Keys() []string { return z.keys }

// Requests returns the number of requests, or 0.
func (z *Zipf) Requests() int { return z.requests }

// Streams gives every worker the same share of the requests.
func (z *Zipf) Streams(instances, workers int) [][]Stream {
	streams := make([][]Stream, instances)
	all := instances * workers
	for i := range streams {
		for w := range workers {
			n := i*workers + w
			left := math.MaxInt
			if z.requests > 0 {
				left = z.requests / all
				if n < z.requests%all {
					left++
				}
			}
			streams[i] = append(streams[i], z.stream(uint64(n), left))
		}
	}
	return streams
}

func (z *Zipf) stream(n uint64, left int) Stream {
	random := rand.New(rand.NewPCG(z.seed, n))
	return func() (int, bool) {
		if left == 0 {
			return 0, false
		}
		left--
		return z.sampler.rank(random) - 1, true
	}
}

// A sampler draws ranks from a Zipf distribution by rejection-inversion, which takes the same time for any number of keys and works
// for a skew below and above 1: W. Hörmann and G. Derflinger, Rejection-Inversion to Generate Variates from Monotone
// Discrete Distributions, ACM TOMACS 6(3), 1996. The names of its functions follow the paper.
//
// The bars of the histogram k^-skew are covered by the curve x^-skew. A point under the curve is found by inverting the
// curve's integral H, and is rejected if it lies above the bar of the nearest whole number.
type sampler struct {
	n           int
	skew        float64
	first, last float64 // the range of H that points are drawn from
	squeeze     float64 // a point this near to the right end of its bar is below its top in any case
}

func newSampler(n int, skew float64) sampler {
	s := sampler{n: n, skew: skew}
	s.first = s.integral(1.5) - 1 // the bar of rank 1 is taken whole: its height is 1
	s.last = s.integral(float64(n) + 0.5)
	s.squeeze = 2 - s.inverse(s.integral(2.5)-s.height(2))
	return s
}

// rank draws a rank from 1 to n.
func (s *sampler) rank(random *rand.Rand) int {
	for {
		u := s.last + random.Float64()*(s.first-s.last)
		x := s.inverse(u)
		k := min(max(math.Round(x), 1), float64(s.n))
		if k-x <= s.squeeze || u >= s.integral(k+0.5)-s.height(k) {
			return int(k)
		}
	}
}

// height is h(x) = x^-skew.
func (s *sampler) height(x float64) float64 { return math.Exp(-s.skew * math.Log(x)) }

// integral is H(x), the integral of h from 1 to x: (x^(1-skew) - 1) / (1-skew), and log x where skew is 1.
func (s *sampler) integral(x float64) float64 {
	log := math.Log(x)
	return expm1Over((1-s.skew)*log) * log
}

// inverse is the x of which integral is u.
func (s *sampler) inverse(u float64) float64 {
	t := max((1-s.skew)*u, -1) // rounding may take it below what integral returns
	return math.Exp(log1pOver(t) * u)
}

// expm1Over is (e^x - 1) / x, which is 1 at 0.
func expm1Over(x float64) float64 {
	if math.Abs(x) < 1e-8 {
		return 1 + x/2
	}
	return math.Expm1(x) / x
}

// log1pOver is log(1 + x) / x, which is 1 at 0.
func log1pOver(x float64) float64 {
	if math.Abs(x) < 1e-8 {
		return 1 - x/2
	}
	return math.Log1p(x) / x
}
