package tier_test

import (
	"bytes"
	"testing"

	"github.com/tiercache/tiercache/backend"
	"github.com/tiercache/tiercache/codec"
	"github.com/tiercache/tiercache/tier"
)

func TestValueOfAnotherCodecIsAMissAndStays(t *testing.T) {
	onEveryStore(t, func(t *testing.T, b backend.Backend) {
		packed, json := texts(t, b), openRemote[string](t, b, codec.JSON{})
		packed.set(fresh("k", "v"))
		before := raw(t, b, "k")
		json.wantMiss("k")
		json.wantProblems(tier.Foreign)
		if after := raw(t, b, "k"); !bytes.Equal(after, before) {
			t.Errorf("the record is %q after it was read by another codec, want it as it was, %q", after, before)
		}
		wantText(packed, "k", "v")

		json.set(fresh("k", "w"))
		wantText(json, "k", "w")
		packed.wantMiss("k")
		packed.wantProblems(tier.Foreign)
	})
}

type (
	account  struct{ Balance int }
	renamed  struct{ Balance int }
	retyped  struct{ Balance string }
	extended struct {
		Balance  int
		Currency string
	}
)

func TestValueOfAnotherShapeIsAMissAndStays(t *testing.T) {
	b := backend.NewMemory()
	accounts := openRemote[account](t, b, codec.MsgPack{})
	accounts.set(fresh("k", account{7}))
	before := raw(t, b, "k")

	asText, asMore := openRemote[retyped](t, b, codec.MsgPack{}), openRemote[extended](t, b, codec.MsgPack{})
	asText.wantMiss("k")
	asText.wantProblems(tier.Foreign)
	asMore.wantMiss("k")
	asMore.wantProblems(tier.Foreign)
	if after := raw(t, b, "k"); !bytes.Equal(after, before) {
		t.Errorf("the record is %q after it was read as another type, want it as it was, %q", after, before)
	}
	if e := openRemote[renamed](t, b, codec.MsgPack{}).get("k"); e == nil || e.Value.Balance != 7 {
		t.Errorf("Get() by a type that was renamed = %v, want a balance of 7", e)
	}
}

// An absence has no bytes of V. It is a miss for another shape all the same, as the other program may know another source.
func TestAbsenceOfAnotherShapeIsAMiss(t *testing.T) {
	b := backend.NewMemory()
	e := fresh("k", account{})
	e.Absent = true
	openRemote[account](t, b, codec.MsgPack{}).set(e)
	other := openRemote[retyped](t, b, codec.MsgPack{})
	other.wantMiss("k")
	other.wantProblems(tier.Foreign)
}

func TestCachesOfOtherNamesDoNotMeet(t *testing.T) {
	b := backend.NewMemory()
	mine := texts(t, b)
	mine.set(fresh("k", "mine"))
	theirs := tier.Remote[string](b, codec.MsgPack{})
	err := theirs.Open(tier.Scope{Cache: "c2", MaxValueBytes: 100, Epoch: mine.epoch.Load, Report: func(tier.Problem) {}})
	if err != nil {
		t.Fatalf("Open() = %v, want nil", err)
	}
	if e, ok, err := theirs.Get(t.Context(), "k"); ok || err != nil {
		t.Errorf("Get() in another cache = %v, %t, %v, want a miss", e, ok, err)
	}
	if err := theirs.Clear(t.Context()); err != nil {
		t.Errorf("Clear() = %v, want nil", err)
	}
	mine.epoch.Add(1) // look again
	wantText(mine, "k", "mine")
}
