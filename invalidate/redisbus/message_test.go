package redisbus

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tiercache/tiercache/invalidate"
)

// format is what the script does.
func (m message) format() string {
	var links []string
	for _, e := range m.entries {
		links = append(links, fmt.Sprintf("%d:%016x:%d:%016x:%016x", e.partition, e.Epoch, e.Number, e.Prev, e.Nonce))
	}
	payload, err := m.event.AppendBinary(nil)
	if err != nil {
		panic(err)
	}
	return messageVersion + strings.Join(links, " ") + "\n" + string(payload)
}

const (
	goodEntry   = "3:00000000000000aa:7:00000000000000bb:00000000000000cc"
	goodPayload = "\x01\x01\x01c\x01o\x01\x01k"
)

func FuzzMessage(f *testing.F) {
	f.Add("2 " + goodEntry + "\n" + goodPayload)
	f.Fuzz(func(t *testing.T, s string) {
		m, err := parseMessage(s)
		if err != nil {
			return
		}
		if len(m.entries) == 0 || len(m.entries) > invalidate.Partitions {
			t.Fatalf("%d entries", len(m.entries))
		}
		for _, e := range m.entries {
			if e.partition < 0 || e.partition >= invalidate.Partitions || e.Epoch == 0 || e.Number == 0 || e.Number >= 1<<53 {
				t.Fatalf("entry %+v", e)
			}
		}
		again, err := parseMessage(m.format())
		if err != nil || again.format() != m.format() {
			t.Fatalf("%q is %+v, which is written as %q and read as %+v, %v", s, m, m.format(), again, err)
		}
	})
}

func TestMessagesThatMakeNoSense(t *testing.T) {
	if _, err := parseMessage("2 " + goodEntry + "\n" + goodPayload); err != nil {
		t.Fatalf("parseMessage of a good message: %v", err)
	}
	with := func(part int, s string) string {
		parts := strings.Split(goodEntry, ":")
		parts[part] = s
		return strings.Join(parts, ":")
	}
	for _, frame := range []string{
		"", "2", "2 ", "1 " + goodEntry, "3 " + goodEntry, goodEntry, "2  " + goodEntry, "2 " + goodEntry + " ",
		"2 " + goodEntry + ":1", "2 " + strings.TrimSuffix(goodEntry, ":00000000000000cc"),
		"2 " + with(0, "16"), "2 " + with(0, "-1"), "2 " + with(0, ""), "2 " + with(0, "259"),
		"2 " + with(1, "0000000000000000"), "2 " + with(1, "aa"), "2 " + with(1, "g0000000000000aa"),
		"2 " + with(2, "0"), "2 " + with(2, ""), "2 " + with(2, "-1"), "2 " + with(2, "9007199254740992"), "2 " + with(2, "1e3"),
		"2 " + with(3, ""), "2 " + with(4, "+00000000000000c"),
		"2 " + strings.Repeat(goodEntry+" ", 16) + goodEntry,
	} {
		if m, err := parseMessage(frame + "\n" + goodPayload); err == nil {
			t.Errorf("parseMessage(%q) = %+v, want an error", frame, m)
		}
	}
	for _, s := range []string{"2 " + goodEntry, "2 " + goodEntry + "\n", "2 " + goodEntry + "\n" + goodPayload + "x"} {
		if m, err := parseMessage(s); err == nil {
			t.Errorf("parseMessage(%q) = %+v, want an error", s, m)
		}
	}
}
