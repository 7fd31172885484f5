package order

import (
	"crypto/elliptic"
	"encoding/base64"
	"fmt"
	"slices"

	"cisterna/device/dose"
	"cisterna/device/units"
	"cisterna/device/wire"
)

func documentVectors(l *list) {
	l.group = "documents: keyset"
	keys := func(name string, code Code, change func(*Keyset), signers ...string) {
		if len(signers) == 0 {
			signers = []string{"admin-a", "admin-b"}
		}
		l.on("dn/keyset", name, code, 0, func(*world) []byte {
			k := testKeyset()
			k.Version = 8
			change(&k)
			return signedBy(TypeKeyset, k.Encode(), signers...)
		})
	}
	none := func(*Keyset) {}
	keys("control", Applied, none)
	l.all[len(l.all)-1].flip = true
	keys("the version in force", Applied, func(k *Keyset) { k.Version = 7 })
	keys("an older version", ErrOlder, func(k *Keyset) { k.Version = 6 })
	keys("one administrator", ErrKeyset, none, "admin-a")
	keys("one administrator twice", ErrKeyset, none, "admin-a", "admin-a")
	keys("an administrator and a pharmacist", ErrKeyset, none, "admin-a", "pharmacy")
	l.on("dn/keyset", "signed as a library", ErrKeyset, 0, func(*world) []byte {
		return signedBy(TypeLibrary, testKeyset().Encode(), "admin-a", "admin-b")
	})
	keys("format 2", ErrKeyset, func(k *Keyset) { k.V = 2 })
	keys("version 0", ErrKeyset, func(k *Keyset) { k.Version = 0 })
	keys("a version beyond counting", ErrKeyset, func(k *Keyset) { k.Version = MaxCounter + 1 })
	keys("90 days", Applied, func(k *Keyset) { k.Expires = k.Issued + 90*day })
	keys("90 days and a second", ErrKeyset, func(k *Keyset) { k.Expires = k.Issued + 90*day + 1 })
	keys("expires as it is issued", ErrKeyset, func(k *Keyset) { k.Expires = k.Issued })
	keys("issued before 1970", ErrKeyset, func(k *Keyset) { k.Issued, k.Expires = -5, 5 })
	keys("expires after the end of time", ErrKeyset, func(k *Keyset) { k.Issued, k.Expires = maxTime, maxTime+1 })
	keys("a key twice", ErrKeyset, func(k *Keyset) { k.Keys = slices.Insert(k.Keys, 1, k.Keys[0]) })
	// ben's key is there again, for another site with other roles.
	pair := func(change func(a, b *PersonKey)) func(*Keyset) {
		return func(k *Keyset) {
			i := k.again("ben", siteB, RoleStop)
			change(&k.Keys[i], &k.Keys[i+1])
		}
	}
	keys("a key with other roles at another site", Applied, pair(func(_, _ *PersonKey) {}))
	keys("a key twice, the other sites first", ErrKeyset, pair(func(a, b *PersonKey) { *a, *b = *b, *a }))
	keys("a key twice, first for every site", ErrKeyset, pair(func(a, _ *PersonKey) { a.Sites = nil }))
	keys("a key twice, then for every site", ErrKeyset, pair(func(_, b *PersonKey) { b.Sites = nil }))
	keys("a key twice for one of its sites", ErrKeyset, pair(func(a, b *PersonKey) { a.Sites = append(slices.Clone(a.Sites), b.Sites...) }))
	keys("a key of two people", ErrKeyset, pair(func(_, b *PersonKey) { b.Person = "anna" }))
	keys("a key with two lives", ErrKeyset, pair(func(_, b *PersonKey) { b.NotAfter++ }))
	keys("a key that begins twice", ErrKeyset, pair(func(_, b *PersonKey) { b.NotBefore-- }))
	keys("a key with two usages", ErrKeyset, pair(func(_, b *PersonKey) { b.Usage = UsageOther }))
	keys("a key of two relying parties", ErrKeyset, pair(func(_, b *PersonKey) { b.RPID = "other.example.org" }))
	keys("a key with an origin at one of its sites", ErrKeyset, pair(func(_, b *PersonKey) { b.Origin = "https://other.example.org" }))
	keys("a key with a model at one of its sites", ErrKeyset, pair(func(_, b *PersonKey) { b.AAGUID = &ID{1} }))
	keys("keys out of order", ErrKeyset, func(k *Keyset) { k.Keys[0], k.Keys[1] = k.Keys[1], k.Keys[0] })
	keys("revoked keys out of order", ErrKeyset, func(k *Keyset) { k.Revoked = []Digest{{2}, {1}} })
	keys("sites out of order", ErrKeyset, func(k *Keyset) { k.Sites = []ID{{2}, {1}} })
	keys("a policy for fewer people than its class", ErrKeyset, func(k *Keyset) { k.Policies[1].People = 1 })
	keys("a policy for more people than can sign", ErrKeyset, func(k *Keyset) { k.Policies[2].People = 6 })
	keys("a policy of class 0", ErrKeyset, func(k *Keyset) { k.Policies[0].Class = 0 })
	keys("a policy of class 4", ErrKeyset, func(k *Keyset) { k.Policies[2].Class, k.Policies[2].People = 4, 4 })
	keys("a policy for an unknown act", ErrKeyset, func(k *Keyset) { k.Policies[2].Act = 12 })
	keys("policies out of order", ErrKeyset, func(k *Keyset) { k.Policies[0], k.Policies[1] = k.Policies[1], k.Policies[0] })
	keys("a policy twice", ErrKeyset, func(k *Keyset) { k.Policies = slices.Insert(k.Policies, 1, k.Policies[0]) })
	keys("meanings out of order", ErrKeyset, func(k *Keyset) { k.Policies[1].Meanings = []Meaning{2, 1} })
	keys("an unknown meaning", ErrKeyset, func(k *Keyset) { k.Policies[1].Meanings = []Meaning{5} })
	one := func(name string, change func(*PersonKey)) {
		keys(name, ErrKeyset, func(k *Keyset) { change(&k.Keys[0]) })
	}
	one("a software key under a root that is no demo", func(p *PersonKey) { p.Software = true })
	one("a key of nobody", func(p *PersonKey) { p.Person = "" })
	one("a key without a life", func(p *PersonKey) { p.NotAfter = p.NotBefore })
	one("a key before 1970", func(p *PersonKey) { p.NotBefore = -1 })
	one("a key after the end of time", func(p *PersonKey) { p.NotAfter = maxTime + 1 })
	one("a key with sites out of order", func(p *PersonKey) { p.Sites = []ID{{2}, {1}} })
	one("a key with roles out of order", func(p *PersonKey) { p.Roles = []Role{2, 1} })
	one("a key with an unknown role", func(p *PersonKey) { p.Roles = []Role{7} })
	one("a key for nothing", func(p *PersonKey) { p.Usage = 0 })
	one("a key for unknown things", func(p *PersonKey) { p.Usage = 3 })
	one("a key for orders without relying party", func(p *PersonKey) { p.RPID = "" })
	keys("an Ed25519 key for orders", ErrKeyset, func(k *Keyset) { k.Keys[0].Key = textKey(edKey("x").Public()); k.SortKeys() })
	keys("an Ed25519 key for other things", Applied, func(k *Keyset) {
		k.Keys[0].Key, k.Keys[0].Usage = textKey(edKey("x").Public()), UsageOther
		k.SortKeys()
	})
	point := func(name string, change func(raw []byte) []byte) {
		one(name, func(p *PersonKey) {
			raw, err := passkeyOf("anna").PublicKey.Bytes()
			if err != nil {
				panic(err)
			}
			p.Key = "es256:" + base64.RawURLEncoding.EncodeToString(change(raw))
		})
	}
	point("a key that is not on the curve", func(b []byte) []byte { b[64] ^= 1; return b })
	point("the point at infinity", func([]byte) []byte { return []byte{0} })
	point("a compressed key", func(b []byte) []byte { return append([]byte{2 + b[64]&1}, b[1:33]...) })
	point("coordinates as large as the field", func(b []byte) []byte {
		elliptic.P256().Params().P.FillBytes(b[1:33])
		return b
	})
	one("a key of an unknown algorithm", func(p *PersonKey) { p.Key = "rs256:AAAA" })
	keys("no key at all, for other things", ErrKeyset, func(k *Keyset) {
		k.Keys = k.Keys[:1]
		k.Keys[0].Key, k.Keys[0].Usage = "rs256:AAAA", UsageOther
	})
	keys("signed by all, and of more than 32 KiB", ErrKeyset, func(k *Keyset) {
		k.Keys = nil
		for i := range 240 {
			k.Keys = append(k.Keys, person("person", fmt.Sprint("of many ", i), RoleVerifier))
		}
		k.SortKeys()
	})
	l.on("dn/keyset", "an unknown field", ErrKeyset, 0, func(*world) []byte {
		b := testKeyset().Encode()
		b[0]++
		return signedBy(TypeKeyset, append(b, 0x18, 0x63, 0x01), "admin-a", "admin-b")
	})
	l.on("dn/keyset", "another spelling", ErrKeyset, 0, func(*world) []byte {
		b := testKeyset().Encode()
		return signedBy(TypeKeyset, slices.Concat(b[:2], []byte{0x18, 0x01}, b[3:]), "admin-a", "admin-b")
	})
	l.on("dn/keyset", "more than 32 KiB", ErrKeyset, 0, func(*world) []byte { return make([]byte, MaxDocument+1) })

	l.group = "documents: library"
	lib := func(name string, code Code, change func(*Library), signers ...string) {
		if len(signers) == 0 {
			signers = []string{"pharmacy"}
		}
		l.on("dn/library", name, code, 0, func(*world) []byte {
			x := testLibrary(4)
			change(&x)
			return signedBy(TypeLibrary, x.Encode(), signers...)
		})
	}
	lib("control", Applied, func(*Library) {})
	l.all[len(l.all)-1].flip = true
	lib("an older version", ErrOlder, func(x *Library) { x.Version = 2 })
	lib("signed by an administrator", ErrDrugs, func(*Library) {}, "admin-a")
	lib("format 2", ErrDrugs, func(x *Library) { x.V = 2 })
	lib("version 0", ErrDrugs, func(x *Library) { x.Version = 0 })
	lib("a version beyond counting", ErrDrugs, func(x *Library) { x.Version = MaxCounter + 1 })
	lib("a drug twice", ErrDrugs, func(x *Library) { x.Drugs = slices.Insert(x.Drugs, 1, x.Drugs[0]) })
	lib("drugs out of order", ErrDrugs, func(x *Library) { x.Drugs[0], x.Drugs[1] = x.Drugs[1], x.Drugs[0] })
	drug := func(name string, change func(*Drug)) { lib(name, ErrDrugs, func(x *Library) { change(&x.Drugs[0]) }) }
	drug("a drug without a name", func(d *Drug) { d.Name = "" })
	drug("an unknown severity of withdrawal", func(d *Drug) { d.Withdrawal = 5 })
	drug("no severity of withdrawal", func(d *Drug) { d.Withdrawal = 0 })
	drug("an unknown unit", func(d *Drug) { d.Unit = "g" })
	drug("five decimals", func(d *Drug) { d.Decimals = 5 })
	drug("a concentration below zero", func(d *Drug) { d.MaxConc = -1 })
	drug("a concentration beyond any fluid", func(d *Drug) { d.MaxConc = dose.MaxConc + 1 })
	drug("a stability below zero", func(d *Drug) { d.Stability = -1 })
	drug("a stability of more than a year", func(d *Drug) { d.Stability = 367 * units.Day })
	drug("a fallback band beyond everything", func(d *Drug) { d.Fallback = 1001 })
	drug("standard concentrations out of order", func(d *Drug) { d.Concs = []units.Conc{2, 1} })
	drug("a standard concentration of nothing", func(d *Drug) { d.Concs = []units.Conc{0, 1} })
	drug("a standard concentration above the highest", func(d *Drug) { d.Concs = []units.Conc{21 * mgML} })
	drug("restricted, and with limits", func(d *Drug) { d.Restricted = true })
	drug("limits without a concentration", func(d *Drug) { d.MaxConc = 0 })
	limit := func(name string, change func(*DrugLimit)) {
		drug(name, func(d *Drug) { change(&d.Limits[1]) })
	}
	drug("limits out of order", func(d *Drug) { d.Limits[0], d.Limits[1] = d.Limits[1], d.Limits[0] })
	limit("an unknown group", func(x *DrugLimit) { x.Group = 6 })
	drug("no group", func(d *Drug) { d.Limits[0].Group = 0 })
	limit("an unknown route", func(x *DrugLimit) { x.Route = 3 })
	drug("no route", func(d *Drug) { d.Limits[0].Route = 0 })
	limit("no highest day", func(x *DrugLimit) { x.HardDay, x.HardHour, x.SoftDay = 0, 0, 0 })
	limit("a highest day beyond anything", func(x *DrugLimit) { x.HardDay = maxMass + 1 })
	limit("no highest hour", func(x *DrugLimit) { x.HardHour = 0 })
	limit("a highest hour above the day", func(x *DrugLimit) { x.HardHour = x.HardDay + 1 })
	limit("a soft day above the hard one", func(x *DrugLimit) { x.SoftDay = x.HardDay + 1 })
	limit("a soft day below zero", func(x *DrugLimit) { x.SoftDay = -1 })
	limit("a soft bolus above the hard one", func(x *DrugLimit) { x.SoftBolus = x.HardBolus + 1 })
	limit("a hard bolus below zero", func(x *DrugLimit) { x.HardBolus = -1 })
	limit("a soft step above the hard one", func(x *DrugLimit) { x.SoftStep = x.HardStep + 1 })
	limit("a hard step below zero", func(x *DrugLimit) { x.HardStep = -1 })
	limit("a soft share above the hard one", func(x *DrugLimit) { x.SoftStepPM = x.HardStepPM + 1 })
	limit("a hard share beyond ten times", func(x *DrugLimit) { x.HardStepPM = 10_001 })
	limit("a soft share beyond ten times", func(x *DrugLimit) { x.HardStepPM, x.SoftStepPM = 0, 10_001 })
	limit("a hard bolus beyond anything", func(x *DrugLimit) { x.HardBolus = maxMass + 1 })
	limit("a soft bolus beyond anything", func(x *DrugLimit) { x.HardBolus, x.SoftBolus = 0, maxMass+1 })
	limit("a hard step beyond anything", func(x *DrugLimit) { x.HardStep = maxMass + 1 })
	limit("a soft step beyond anything", func(x *DrugLimit) { x.HardStep, x.SoftStep = 0, maxMass+1 })
	limit("a lockout below zero", func(x *DrugLimit) { x.MinLockout = -1 })
	limit("a lockout of more than a week", func(x *DrugLimit) { x.MinLockout = units.Week + 1 })
	limit("more patient boluses than any pump counts", func(x *DrugLimit) { x.MaxPTM = dose.MaxPTM + 1 })
	mix := func(name string, change func(*Mixture)) {
		lib(name, ErrDrugs, func(x *Library) { change(&x.Mixtures[0]) })
	}
	mix("a mixture of one", func(m *Mixture) { m.Codes = m.Codes[:1] })
	lib("a mixture of seven", ErrDrugs, func(x *Library) {
		for c := dose.Code(1000); c < 1007; c++ {
			x.Drugs = append(x.Drugs, Drug{Code: c, Name: "Own", Class: "other", Unit: "mg", Withdrawal: 1, Source: "corpus"})
		}
		x.Mixtures[0].Codes = []dose.Code{1000, 1001, 1002, 1003, 1004, 1005, 1006}
	})
	mix("a mixture out of order", func(m *Mixture) { m.Codes = []dose.Code{dose.Clonidine, dose.Morphine} })
	mix("a mixture that keeps for no time", func(m *Mixture) { m.Stability = 0 })
	mix("a mixture that keeps for ever", func(m *Mixture) { m.Stability = 367 * units.Day })
	mix("a mixture with what has no entry", func(m *Mixture) { m.Codes[1] = dose.Baclofen })

	l.group = "documents: root"
	root := func(name string, code Code, change func(*Root), signers ...string) {
		l.on("dn/root", name, code, 0, func(*world) []byte {
			r := testRoot()
			r.Version, r.Root = 2, Quorum{1, []string{textKey(edKey("next root").Public())}}
			change(&r)
			return signedBy(TypeRoot, r.Encode(), signers...)
		})
	}
	same := func(*Root) {}
	root("control", Applied, same, "next root", "root")
	l.all[len(l.all)-1].flip = true
	root("without the old key", ErrRoot, same, "next root")
	root("without the new key", ErrRoot, same, "root")
	root("the same version", ErrRoot, func(r *Root) { r.Version = 1 }, "next root", "root")
	root("two versions on", ErrRoot, func(r *Root) { r.Version = 3 }, "next root", "root")
	root("a demo after a real one", ErrRoot, func(r *Root) { r.Demo = true }, "next root", "root")
	root("format 2", ErrRoot, func(r *Root) { r.V = 2 }, "next root", "root")
	root("expires as it is issued", ErrRoot, func(r *Root) { r.Expires = r.Issued }, "next root", "root")
	root("without authorities", ErrRoot, func(r *Root) { r.CAs = nil }, "next root", "root")
	root("with nine authorities", ErrRoot, func(r *Root) {
		for range 8 {
			r.CAs = append(r.CAs, r.CAs[0])
		}
	}, "next root", "root")
	root("with nine logs", ErrRoot, func(r *Root) {
		for range 9 {
			r.Record = append(r.Record, Log{Key: "x"})
		}
	}, "next root", "root")
	root("a name of 129 bytes", ErrRoot, func(r *Root) { r.Name = string(make([]byte, 129)) }, "next root", "root")
	root("a threshold of none", ErrRoot, func(r *Root) { r.Keyset.Threshold = 0 }, "next root", "root")
	root("a threshold that cannot be met", ErrRoot, func(r *Root) { r.Library.Threshold = 2 }, "next root", "root")
	root("a key twice in a quorum", ErrRoot, func(r *Root) { r.Keyset.Keys[1] = r.Keyset.Keys[0] }, "next root", "root")
	root("a quorum with what is no key", ErrRoot, func(r *Root) { r.Profile.Keys[0] = "x" }, "next root", "root")
	l.on("dn/root", "signed as a keyset", ErrRoot, 0, func(*world) []byte {
		r := testRoot()
		r.Version, r.Root = 2, Quorum{1, []string{textKey(edKey("next root").Public())}}
		return signedBy(TypeKeyset, r.Encode(), "next root", "root")
	})
	l.on("dn/root", "nine signatures", ErrRoot, 0, func(*world) []byte {
		r := testRoot()
		r.Version, r.Root = 2, Quorum{1, []string{textKey(edKey("next root").Public())}}
		return signedBy(TypeRoot, r.Encode(), "next root", "root", "root", "root", "root", "root", "root", "root", "root")
	})
}

// signedBy signs what may be no document at all.
func signedBy(t Type, body []byte, names ...string) []byte {
	d := Signed{Body: body}
	for _, n := range names {
		sig, err := wire.SignBytes(nil, edKey(n), signedBytes(t, body))
		if err != nil {
			panic(err)
		}
		pub, err := wire.NewPublicKey(edKey(n).Public())
		if err != nil {
			panic(err)
		}
		id := IDOf(pub)
		d.Sigs = append(d.Sigs, Signature{Key: id[:], Sig: sig})
	}
	return encode(d)
}
