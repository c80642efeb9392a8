package report

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"time"

	"github.com/go-analyze/charts"

	"github.com/tiercache/tiercache/cmd/tiercache/internal/fleet"
)

// A chart is a picture with a title.
type chart struct {
	Title string
	SVG   template.HTML
}

// charts returns what there is to see in d.
func (d *Document) charts() (all []chart, err error) {
	for _, c := range []struct {
		title  string
		draw   func(*charts.Painter) error
		height int
		shown  bool
	}{
		{"Hit ratio of the near tier by its size", d.drawRatios, 360, slices.ContainsFunc(byEngine(d.Runs), func(g []fleet.Result) bool { return len(g) > 1 })},
		{"Who answered the reads", d.drawAnswers, 100 + 40*len(d.Runs), len(d.Runs) > 0},
		{"How fast: percentiles by who answered, on a logarithmic scale", d.drawLatencies, 360, len(d.Runs) == 1},
	} {
		if !c.shown {
			continue
		}
		painter := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: 860, Height: c.height})
		if err := c.draw(painter); err != nil {
			return nil, fmt.Errorf("chart %q: %w", c.title, err)
		}
		svg, err := painter.Bytes()
		if err != nil {
			return nil, fmt.Errorf("chart %q: %w", c.title, err)
		}
		all = append(all, chart{c.title, template.HTML(svg)})
	}
	return all, nil
}

// drawRatios has a line for each engine.
func (d *Document) drawRatios(p *charts.Painter) error {
	var sizes []int
	for _, r := range d.Runs {
		sizes = append(sizes, r.MemoryEntries)
	}
	slices.Sort(sizes)
	sizes = slices.Compact(sizes)
	var names, labels []string
	var values [][]float64
	for _, size := range sizes {
		labels = append(labels, number(size))
	}
	for _, g := range byEngine(d.Runs) {
		line := make([]float64, len(sizes))
		for i := range line {
			line[i] = charts.GetNullValue()
		}
		for _, r := range g {
			line[slices.Index(sizes, r.MemoryEntries)] = 100 * r.Near.Ratio
		}
		names = append(names, string(g[0].Engine))
		values = append(values, line)
	}
	opt := charts.NewLineChartOptionWithData(values)
	opt.Legend.SeriesNames = names
	opt.XAxis.Labels = labels
	opt.XAxis.Title = "entries"
	opt.YAxis[0].Min = charts.Ptr(0.0)
	opt.ValueFormatter = func(v float64) string { return fmt.Sprintf("%.0f%%", v) }
	return p.LineChart(opt)
}

// drawAnswers has a bar for each run, of the shares on top of each other.
func (d *Document) drawAnswers(p *charts.Painter) error {
	var labels, names []string
	kinds := d.answerers(fleet.Result{})
	runs := slices.Clone(d.Runs)
	slices.Reverse(runs) // the chart begins at its bottom
	values := make([][]float64, len(kinds))
	for i, a := range kinds {
		names = append(names, a.name)
		for _, r := range runs {
			share := 100 * d.answerers(r)[i].Ratio
			values[i] = append(values[i], share-share/1e9) // the sum must not be above 100, or the scale is too long
		}
	}
	for _, r := range runs {
		labels = append(labels, fmt.Sprintf("%s %s", r.Engine, number(r.MemoryEntries)))
	}
	opt := charts.NewBarChartOptionWithData(values)
	opt.Legend.SeriesNames = names
	opt.CategoryAxis.Labels = labels
	opt.Horizontal = true
	opt.StackSeries = charts.Ptr(true)
	opt.ValueAxis[0].Min = charts.Ptr(0.0)
	opt.ValueAxis[0].Max = charts.Ptr(100.0)
	opt.ValueAxis[0].LabelCount = 6
	opt.ValueFormatter = func(v float64) string { return fmt.Sprintf("%.0f%%", v) }
	return p.BarChart(opt)
}

// drawLatencies has a group of bars for each answerer. A hit takes a ten-thousandth of a load, so the bars are as high as the power of
// ten.
func (d *Document) drawLatencies(p *charts.Painter) error {
	var labels []string
	values := make([][]float64, 3)
	for _, a := range d.answerers(d.Runs[0]) {
		labels = append(labels, a.name)
		for i, v := range []time.Duration{a.Latency.P50, a.Latency.P99, a.Latency.P999} {
			values[i] = append(values[i], math.Log10(float64(max(v, 10))))
		}
	}
	opt := charts.NewBarChartOptionWithData(values)
	// Darker where the percentile is rarer. The usual colors mean answerers.
	opt.Theme = charts.GetTheme(charts.ThemeLight).WithSeriesColors([]charts.Color{
		{R: 190, G: 200, B: 212, A: 255}, {R: 122, G: 138, B: 158, A: 255}, {R: 60, G: 74, B: 94, A: 255},
	})
	opt.Legend.SeriesNames = []string{"p50", "p99", "p99.9"}
	opt.CategoryAxis.Labels = labels
	opt.ValueAxis[0].Min = charts.Ptr(1.0)
	opt.ValueAxis[0].Max = charts.Ptr(10.0)
	opt.ValueAxis[0].LabelCount = 10
	power := func(v float64) time.Duration { return time.Duration(math.Round(math.Pow(10, v))) }
	opt.ValueFormatter = func(v float64) string { return power(v).String() }
	for i := range opt.SeriesList {
		opt.SeriesList[i].Label = charts.SeriesLabel{Show: charts.Ptr(true), ValueFormatter: func(v float64) string { return span(power(v)) }}
	}
	return p.BarChart(opt)
}
