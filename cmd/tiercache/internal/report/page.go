package report

import (
	"bytes"
	_ "embed"
	"html/template"
	"io"
)

//go:embed page.html
var pageHTML string

// WriteHTML writes d as a page that needs nothing else: neither a network nor scripts.
func (d *Document) WriteHTML(w io.Writer) error {
	page, err := template.New("page").Parse(pageHTML)
	if err != nil {
		return err
	}
	charts, err := d.charts()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	err = page.Execute(&b, struct {
		*Document
		Headline []heading
		Charts   []chart
		Tables   []table
	}{d, d.headline(), charts, d.tables()})
	if err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return err
}
