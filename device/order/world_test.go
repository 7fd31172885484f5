package order

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"slices"

	"cisterna/device/dose"
	"cisterna/device/units"
	"cisterna/device/wire"
)

// A world is one pump with everything around it, made of fixed keys, so that
// every run signs the same bytes.
type world struct {
	view    View
	rootDoc []byte
	keyset  Keyset
	keysDoc []byte
	library Library
	libDoc  []byte
	befDoc  []byte
}

const (
	day    = 86_400
	noon   = int64(1_777_629_600) // 2026-05-01 10:00:00 UTC
	origin = "https://cisterna.example.org:8443"
	rpID   = "cisterna.example.org"
)

// edKey and passkeyOf are keys that follow from a name.
func edKey(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("ed25519 " + name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func passkeyOf(name string) *ecdsa.PrivateKey {
	for i := byte(0); ; i++ {
		scalar := sha256.Sum256(append([]byte("p256 "+name), i))
		if k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar[:]); err == nil {
			return k
		}
	}
}

func textKey(k crypto.PublicKey) string {
	p, err := wire.NewPublicKey(k)
	if err != nil {
		panic(err)
	}
	return p.String()
}

func idOf(name string) Digest {
	p, err := wire.NewPublicKey(passkeyOf(name).Public())
	if err != nil {
		panic(err)
	}
	return Digest(IDOf(p))
}

func id16(name string) (out ID) {
	h := sha256.Sum256([]byte(name))
	copy(out[:], h[:])
	return out
}

// fixedSign signs a document so that every run gives the same bytes.
func fixedSign(t Type, body []byte, keys ...ed25519.PrivateKey) []byte {
	var signers []crypto.Signer
	for _, k := range keys {
		signers = append(signers, k)
	}
	b, err := Sign(nil, t, body, signers...)
	if err != nil {
		panic(err)
	}
	return b
}

func testRoot() Root {
	one := func(name string) Quorum { return Quorum{1, []string{textKey(edKey(name).Public())}} }
	return Root{
		V: 1, Version: 1, Issued: noon - 10*day, Expires: noon + 1000*day, Name: "Corpus", Root: one("root"), Library: one("pharmacy"), Profile: one("maker"),
		Keyset: Quorum{2, []string{textKey(edKey("admin-a").Public()), textKey(edKey("admin-b").Public())}},
		CAs:    []CA{{DER: []byte{1}}}, Record: []Log{},
	}
}

// person is a record of the test keyset.
func person(name, key string, roles ...Role) PersonKey {
	return PersonKey{
		Person: name, Key: textKey(passkeyOf(key).Public()), Roles: roles, NotBefore: noon - 200*day, NotAfter: noon + 100*day,
		Usage: UsageOrders, RPID: rpID, Sites: []ID{siteA},
	}
}

var (
	siteA   = id16("site a")
	siteB   = id16("site b")
	patient = id16("patient")
)

func testKeyset() Keyset {
	k := Keyset{
		V: 1, Version: 7, Issued: noon - 5*day, Expires: noon + 85*day, Origin: origin, Policies: DefaultPolicies(), Sites: []ID{siteA},
		Keys: []PersonKey{
			person("anna", "anna", RolePrescriber, RolePolicy, RoleStop),
			person("anna", "anna's second", RolePrescriber, RoleVerifier),
			person("ben", "ben", RolePrescriber, RoleVerifier, RolePolicy, RoleRelease),
			person("carla", "carla", RoleVerifier, RolePharmacist),
			person("dora", "dora", RoleRelease, RoleStop),
			person("emil", "emil", RoleStop),
			person("fritz", "fritz", RolePrescriber, RoleVerifier, RoleRelease),
			person("gerda", "gerda", RoleVerifier),
			person("hanna", "hanna", RoleVerifier),
			person("iris", "iris", RoleVerifier),
			person("jonas", "jonas", RoleVerifier),
			person("kim", "kim", RoleVerifier, RoleRelease),
		},
		Revoked: []Digest{idOf("gerda")},
	}
	for i := range k.Keys {
		p := &k.Keys[i]
		switch p.Person {
		case "fritz": // of another site
			p.Sites = []ID{siteB}
		case "hanna": // rotated ten days ago
			p.NotAfter = noon - 10*day
		case "iris": // rotated forty days ago
			p.NotAfter = noon - 40*day
		case "jonas": // begins tomorrow
			p.NotBefore = noon + day
		case "kim": // signs in only
			p.Usage = UsageOther
		}
	}
	k.SortKeys()
	return k
}

// only lists somebody's key for one site.
func (k *Keyset) only(name string, site ID) {
	for i := range k.Keys {
		if p := &k.Keys[i]; p.Person == name {
			p.Sites = []ID{site}
		}
	}
}

// again lists somebody's key once more, for a site with roles of its own, and returns
// where the first of its two records is.
func (k *Keyset) again(name string, site ID, roles ...Role) int {
	of := func(p PersonKey) bool { return p.Person == name }
	p := k.Keys[slices.IndexFunc(k.Keys, of)]
	p.Roles, p.Sites = roles, []ID{site}
	k.Keys = append(k.Keys, p)
	k.SortKeys()
	return slices.IndexFunc(k.Keys, of)
}

const (
	mgMass = units.Milligram
	mgML   = units.Conc(units.Milligram)
)

func testLibrary(version uint64) Library {
	limit := func(g Group) DrugLimit {
		return DrugLimit{
			Group: g, Route: dose.Intrathecal, HardDay: 15 * mgMass, HardHour: 3 * mgMass, SoftDay: 8 * mgMass, HardBolus: 2 * mgMass, SoftBolus: mgMass,
			HardStep: 6 * mgMass, SoftStep: 4 * mgMass, HardStepPM: 1000, SoftStepPM: 300, MinLockout: 3600, MaxPTM: 6,
		}
	}
	clonidine := DrugLimit{Group: GroupNonCancer, Route: dose.Intrathecal, HardDay: 600_000, HardHour: 150_000, HardStepPM: 5000, SoftStepPM: 5000, NoPTM: false}
	zico := DrugLimit{Group: GroupNonCancer, Route: dose.Intrathecal, HardDay: 19_200, HardHour: 4_000, HardStep: 2_400, SoftStep: 1_200, NoPTM: true}
	return Library{
		V: 1, Version: version, Issued: noon - 20*day, Name: "Corpus",
		Drugs: []Drug{
			{Code: dose.Morphine, Name: "Morphine", Class: "opioid", Unit: "mg", Decimals: 3, Withdrawal: dose.WithdrawalModerate, Source: "corpus", MaxConc: 20 * mgML, Stability: 90 * units.Day, Fallback: 200, Limits: []DrugLimit{limit(GroupCancer), limit(GroupNonCancer)}},
			{Code: dose.Ziconotide, Name: "Ziconotide", Class: "other", Unit: "mcg", Decimals: 2, Withdrawal: dose.WithdrawalNone, Source: "corpus", MaxConc: 100_000, Concs: []units.Conc{25_000, 100_000}, Alone: true, Limits: []DrugLimit{zico}},
			{Code: dose.Clonidine, Name: "Clonidine", Class: "other", Unit: "mcg", Decimals: 1, Withdrawal: dose.WithdrawalSevere, Source: "corpus", MaxConc: 1 * mgML, Limits: []DrugLimit{clonidine}},
			{Code: dose.Ketamine, Name: "Ketamine", Class: "other", Unit: "mg", Decimals: 2, Withdrawal: dose.WithdrawalModerate, Restricted: true, Source: "corpus"},
		},
		Mixtures: []Mixture{{Codes: []dose.Code{dose.Morphine, dose.Clonidine}, Stability: 60 * units.Day, Source: "corpus"}},
	}
}

func morphine(conc units.Conc) dose.Contents {
	return dose.Contents{Ingredients: []dose.Ingredient{{Code: dose.Morphine, Conc: conc}}, Route: dose.Intrathecal}
}

// steady is a program of one rate: so many nL a day.
func steady(v units.Volume) dose.Program {
	return dose.Program{Mode: dose.Continuous, Cycle: units.Day, Segments: []dose.Segment{{Duration: units.Day, Volume: v}}}
}

func morphineLimits() dose.Limits {
	return dose.Limits{Ingredients: []dose.Limit{{Code: dose.Morphine, Max1h: 3 * mgMass, Max24h: 15 * mgMass, Withdrawal: dose.WithdrawalModerate}}, MinLockout: 3600, MaxPTM24h: 6}
}

func testRange() dose.Range {
	return dose.Range{
		Modes: []dose.Mode{dose.Stopped, dose.Minimum, dose.Continuous, dose.FlexDay, dose.FlexWeek, dose.Periodic, dose.Single, dose.Patient, dose.Bolus, dose.Prime, dose.Bridge},
		Min:   48_000, Max: 24_000_000, Idle: 6_000, Resolution: 1_000, MaxBolus: 1_000_000, MaxPrime: 1_000_000, Segments: 24, Max24h: 24, MinLockout: 900,
	}
}

// newWorld is a pump in a patient that gets 2 mg of morphine a day at 10 mg/mL,
// for a while, with 12 of 20 mL left.
func newWorld() *world {
	w := &world{keyset: testKeyset(), library: testLibrary(3)}
	root := testRoot()
	w.rootDoc = fixedSign(TypeRoot, root.Encode(), edKey("root"))
	w.sign()
	key := edKey("pump").Public()
	pub, err := wire.NewPublicKey(key)
	if err != nil {
		panic(err)
	}
	w.befDoc = fixedSign(TypeLibrary, testLibrary(2).Encode(), edKey("pharmacy"))
	v := &w.view
	*v = View{
		Pump: pub.Hash(), Serial: "MP20-000123", Site: siteA, Patient: patient, Root: root,
		Before: Held{Hash: Hash(w.befDoc), Library: testLibrary(2)},
		State: State{
			Epoch: 3, Gen: 41, Run: wire.Infusing, Program: steady(200_000), Contents: morphine(10 * mgML),
			Settings: Settings{Low: 2_000_000, PTMDenied: 6}, Firmware: "2.1.0",
		},
		Limits: morphineLimits(), Range: testRange(), Rule: ReservoirRule{Capacity: 20_000_000, LowMin: 500_000, LowMax: 6_000_000},
		Ceiling: dose.Ceiling{Hour: 300_000, Day: 1_500_000}, Hour: 8_334, Day: 200_000, Volume: 12_000_000, Fill: 18_000_000,
		Now: noon, Trusted: true, Run: 5_000_000_000, Mono: 4_000_000,
		Windows: Windows{{Nonce: id16("w1"), Born: 900_000}, {Nonce: id16("w2"), Born: 1_800_000}, {Nonce: id16("w3"), Born: 2_700_000}, {Nonce: id16("w4"), Born: 3_600_000}},
		Memory: Memory{
			Counter: 100, Stops: 10, Ordered: []Ordered{{Code: dose.Morphine, Route: dose.Intrathecal}}, KeysetAt: 4_900_000_000,
			Answers: []Answered{}, Withdrawn: []Withdrawn{}, Boluses: []Given{}, StopTimes: []int64{}, Applied: []Digest{},
		},
	}
	w.hold()
	return w
}

// sign signs keyset and library again after a test has changed them.
func (w *world) sign() {
	w.keysDoc = fixedSign(TypeKeyset, w.keyset.Encode(), edKey("admin-a"), edKey("admin-b"))
	w.libDoc = fixedSign(TypeLibrary, w.library.Encode(), edKey("pharmacy"))
}

// hold gives the pump the keyset and library as they are.
func (w *world) hold() {
	w.sign()
	w.view.Keyset, w.view.Library = w.keyset, Held{Hash: Hash(w.libDoc), Library: w.library}
}

// prescription is a good one of each act.
func (w *world) prescription(a Act) Prescription {
	v := &w.view
	p := Prescription{
		V: 1, Act: a, ID: id16("prescription " + a.String()), Pump: v.Pump, Serial: v.Serial, Site: v.Site, Patient: v.Patient, Epoch: v.State.Epoch,
		State: v.State.Hash(), NotBefore: noon - 3600, Expires: noon + 2*day, Keyset: v.Keyset.Version,
	}
	lib := v.Library.Hash
	c, l := v.State.Contents, v.Limits
	if hasContents&fields[a].must != 0 || a == ActVisit {
		p.Library, p.Group = &lib, GroupNonCancer
	}
	switch a {
	case ActProgram:
		g := steady(240_000)
		p.Contents, p.Limits, p.Program = &c, &l, &g
	case ActBolus:
		p.Contents, p.Dose, p.Window, p.Expires = &c, &dose.Dose{Volume: 20_000, Duration: 600}, &v.Windows[len(v.Windows)-1].Nonce, noon+600
		p.NotBefore = noon - 60
	case ActPrime:
		p.Contents, p.Dose = &c, &dose.Dose{Volume: 200_000, Duration: 900}
	case ActVisit:
		stronger := morphine(20 * mgML)
		p.Visit = &Visit{
			Planned: Branch{Contents: stronger, Limits: l, Program: steady(120_000), Bridge: &dose.Dose{Volume: 395_000, Duration: 170_640}},
			Same:    Branch{Contents: c, Limits: l, Program: v.State.Program},
			Bounds:  Bounds{AspiratedMin: 11_000_000, AspiratedMax: 13_000_000, FilledMin: 17_000_000, FilledMax: 19_000_000},
		}
	case ActBind:
		p.Patient = id16("another patient")
	case ActSettings:
		p.Settings = &Settings{Low: 3_000_000, PTMDenied: 4}
	case ActErase:
		g := dose.Idle()
		p.Program = &g
	case ActAdopt:
		p.Contents, p.Limits, p.Volume = &c, &l, 11_500_000
	case ActTransfer:
		p.Transfer = &Transfer{Site: siteB, Keyset: w.newSiteKeyset(func(*Keyset) {})}
	case ActClock:
		zone := int32(7200)
		p.Zone = &zone
	case ActResume:
	}
	w.check(&p)
	return p
}

func (w *world) newSiteKeyset(change func(*Keyset)) []byte {
	k := Keyset{V: 1, Version: 2, Issued: noon - day, Expires: noon + 80*day, Origin: origin, Policies: DefaultPolicies(), Sites: []ID{siteB}, Keys: []PersonKey{person("fritz", "fritz", RolePrescriber)}}
	k.Keys[0].Sites = []ID{siteB}
	change(&k)
	return fixedSign(TypeKeyset, k.Encode(), edKey("admin-a"), edKey("admin-b"))
}

// check fills in the check numbers.
func (w *world) check(p *Prescription) {
	of := func(c dose.Contents, g *dose.Program, once, bridge *dose.Dose) []Check {
		return ChecksOf(c, g, &w.view.Range, once, bridge, w.view.Pushed(c)...)
	}
	switch p.Act {
	case ActProgram:
		p.Checks = of(*p.Contents, p.Program, nil, p.Bridge)
	case ActAdopt:
		p.Checks = of(*p.Contents, &w.view.State.Program, nil, nil)
	case ActBolus, ActPrime:
		p.Checks = of(*p.Contents, nil, p.Dose, nil)
	case ActVisit:
		for _, b := range []*Branch{&p.Visit.Planned, &p.Visit.Same} {
			b.Checks = of(b.Contents, &b.Program, b.Prime, b.Bridge)
		}
	case ActBind, ActSettings, ActResume, ActErase, ActTransfer, ActClock:
	}
}

// An authenticator of the tests, which can also do what a good one never does.
type authenticator struct {
	key       *ecdsa.PrivateKey
	rp        string
	flags     byte
	longer    []byte // follows the authenticator data
	prefix    string // of client data, "" for the right one
	suffix    string
	challenge func(Digest) string
}

func authOf(key string) authenticator {
	return authenticator{key: passkeyOf(key), rp: rpID, flags: 0x05, suffix: "}", challenge: func(d Digest) string { return base64.RawURLEncoding.EncodeToString(d[:]) }}
}

func (a authenticator) sign(challenge Digest) Assertion {
	rp := sha256.Sum256([]byte(a.rp))
	data := append(binary.BigEndian.AppendUint32(append(rp[:], a.flags), 17), a.longer...)
	prefix := a.prefix
	if prefix == "" {
		prefix = `{"type":"webauthn.get","challenge":"%","origin":"` + origin + `","crossOrigin":false`
	}
	client := []byte(prefix + a.suffix)
	if i := slices.Index(client, '%'); i >= 0 {
		client = slices.Replace(client, i, i+1, []byte(a.challenge(challenge))...)
	}
	sum := sha256.Sum256(client)
	msg := sha256.Sum256(slices.Concat(data, sum[:]))
	sig, err := a.key.Sign(nil, msg[:], crypto.SHA256) // RFC 6979
	if err != nil {
		panic(err)
	}
	return Assertion{Data: data, Client: client, Signature: sig}
}

// vote is one person's approval as it will be made.
type vote struct {
	person  string
	key     string
	meaning Meaning
	change  func(*Approval)
	auth    func(*authenticator)
	sig     func(*Assertion)
}

func votes(people ...string) (out []vote) {
	for i, p := range people {
		m := MeansVerify
		if i == 0 {
			m = MeansPrescribe
		}
		out = append(out, vote{person: p, key: p, meaning: m})
	}
	return out
}

// draft is an order as it will be made.
type draft struct {
	p        Prescription
	raw      []byte // instead of p
	votes    []vote
	releaser vote
	release  func(*Release)
	rawR     func([]byte) []byte
	envelope func(*Envelope)
}

func (w *world) draft(a Act) *draft {
	d := &draft{p: w.prescription(a), votes: votes("anna", "ben"), releaser: vote{person: "dora", key: "dora"}}
	return d
}

// build signs the draft. The counter is the next one.
func (w *world) build(d *draft) []byte {
	body := d.raw
	if body == nil {
		body = d.p.Encode()
	}
	hash := PrescriptionHash(body)
	var approved []Approved
	for _, v := range d.votes {
		a := Approval{V: 1, Prescription: hash, Person: v.person, Key: idOf(v.key), Meaning: v.meaning, SignedAt: noon - 1800, Client: Digest(sha256.Sum256([]byte("client")))}
		if v.change != nil {
			v.change(&a)
		}
		b := a.Encode()
		approved = append(approved, Approved{Statement: b, Assertion: v.assert(ApprovalChallenge(b))})
	}
	r := Release{
		V: 1, Prescription: hash, Counter: w.view.Memory.Counter + 1, Window: w.view.Windows.Current(), Keyset: w.view.Keyset.Version, IssuedAt: noon - 30, Expires: noon + 570,
		Person: d.releaser.person, Key: idOf(d.releaser.key), Client: Digest(sha256.Sum256([]byte("client"))),
	}
	if d.p.Act == ActVisit {
		r.Branch, r.Measured = BranchPlanned, &Measured{Aspirated: 12_100_000, Filled: 18_000_000}
	}
	if d.release != nil {
		d.release(&r)
	}
	b := r.Encode()
	if d.rawR != nil {
		b = d.rawR(b)
	}
	e := NewEnvelope(body, approved, b, d.releaser.assert(ReleaseHash(b)))
	if d.envelope != nil {
		d.envelope(&e)
	}
	return e.Encode()
}

func (v *vote) assert(challenge Digest) Assertion {
	auth := authOf(v.key)
	if v.auth != nil {
		v.auth(&auth)
	}
	a := auth.sign(challenge)
	if v.sig != nil {
		v.sig(&a)
	}
	return a
}

// stop is a good stop by emil.
func (w *world) stopOf() Stop {
	return Stop{
		V: 1, ID: id16("stop"), Pump: w.view.Pump, Epoch: w.view.State.Epoch, Counter: w.view.Memory.Stops + 1, Window: w.view.Windows.Current(),
		IssuedAt: noon - 20, Expires: noon + 580, Reason: "drowsy", Person: "emil", Key: idOf("emil"), Client: Digest(sha256.Sum256([]byte("client"))),
	}
}

func signStop(s Stop, key string) []byte {
	b := s.Encode()
	return EncodeStop(b, authOf(key).sign(StopHash(b)))
}

// withdrawOf is a good withdrawal by anna.
func (w *world) withdrawOf(p Digest) Withdraw {
	return Withdraw{V: 1, Pump: w.view.Pump, Epoch: w.view.State.Epoch, Prescription: p, IssuedAt: noon - 20, Reason: "second thoughts", Person: "anna", Key: idOf("anna"), Client: Digest(sha256.Sum256([]byte("client")))}
}

func signWithdraw(x Withdraw, key string) []byte {
	b := x.Encode()
	return EncodeWithdraw(b, authOf(key).sign(WithdrawHash(b)))
}

func (w *world) deliver(b []byte) Verdict {
	return Verify(Delivery{Kind: wire.DnOrder, Bytes: b}, &w.view)
}

func (w *world) deliverStop(b []byte) Verdict {
	return Verify(Delivery{Kind: wire.DnStop, Bytes: b}, &w.view)
}
