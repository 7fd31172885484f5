package events

import "strings"

// Entry says what an event is.
type Entry struct {
	Name  string
	Title string // for lists: "Pump registered"
	Means string // for people who wait for it
	// Keep names the members of an entry's detail in the record that the event
	// carries; meaning is what MeaningOf says, in the detail or not. Nothing that
	// could be about a patient may be among them.
	Keep []string
}

// Catalogue lists every event that there can be, by name. An entry of the record
// whose kind is not here becomes no event; a test compares it with the source.
// Names are stable: one is never used again for something else.
func Catalogue() []Entry { return catalogue }

var catalogue = []Entry{
	{Name: "alarm.acknowledged", Title: "Alarm acknowledged", Means: "Somebody says that they know of an alarm."},
	{Name: "alarm.cleared", Title: "Alarm over", Means: "The condition of an alarm has ended."},
	{Name: "alarm.closed", Title: "Alarm closed", Means: "A person closed an alarm because its pump is gone."},
	{Name: "alarm.late", Title: "Alarm reported late", Means: "A report arrived after what came later; it is kept and changes nothing."},
	{Name: "alarm.raised", Title: "Alarm raised", Means: "A condition began."},
	{Name: "alarm.repeated", Title: "Alarm reported again", Means: "A condition that is known was reported again."},

	{Name: "audit.erase", Title: "Detail erased", Means: "The detail of an entry of the record was destroyed on purpose; the entry stays."},
	{Name: "audit.export", Title: "Record exported", Means: "Somebody took a copy of the whole record."},

	{Name: "auth.account_create", Title: "Account made", Means: "A person got an account."},
	{Name: "auth.account_disable", Title: "Account disabled", Means: "A person can no longer sign in."},
	{Name: "auth.account_enable", Title: "Account enabled", Means: "A person can sign in again."},
	{Name: "auth.code_confirm", Title: "Code confirmed", Means: "A second administrator confirmed a one-time code."},
	{Name: "auth.code_issue", Title: "Code issued", Means: "An administrator issued a one-time code for a person."},
	{Name: "auth.code_object", Title: "Code objected to", Means: "A person objected to a code that was issued for them."},
	{Name: "auth.code_withdraw", Title: "Code withdrawn", Means: "A one-time code is no longer good."},
	{Name: "auth.key_add", Title: "Key added", Means: "A person has a new passkey, or in a demo a software key."},
	{Name: "auth.key_rename", Title: "Key renamed", Means: "A person gave a passkey another name."},
	{Name: "auth.key_revoke", Title: "Key revoked", Means: "A passkey of a person is no longer good."},
	{Name: "auth.link", Title: "Sign-in linked", Means: "A person's account was linked to an outside sign-in."},
	{Name: "auth.password", Title: "Password changed", Means: "A person has a new password; all their sessions ended."},
	{Name: "auth.sessions_end", Title: "Sessions ended", Means: "All sessions of a person were ended."},
	{Name: "auth.sign_in", Title: "Signed in", Means: "A person signed in."},
	{Name: "auth.sign_in_failed", Title: "Sign-in failed", Means: "Somebody tried to sign in and could not; one event may stand for several."},
	{Name: "auth.sign_out", Title: "Signed out", Means: "A person signed out."},
	{Name: "auth.step_up", Title: "Act signed", Means: "A person signed an act that needs a fresh signature."},
	{Name: "auth.unlink", Title: "Sign-in unlinked", Means: "A person's account is no longer linked to an outside sign-in."},
	{Name: "auth.visit_begin", Title: "Visit begun", Means: "A session was locked to one patient for a visit."},
	{Name: "auth.visit_end", Title: "Visit ended", Means: "A session is no longer locked to one patient."},

	{Name: "bulk.begin", Title: "Bulk action begun", Means: "An act on many pumps at once began."},
	{Name: "bulk.end", Title: "Bulk action ended", Means: "An act on many pumps at once is done."},

	{Name: "cert.refused", Title: "Certificate not renewed", Means: "A communicator asked for a new certificate and was refused."},
	{Name: "cert.renew", Title: "Certificate renewed", Means: "A communicator got its next certificate."},

	{Name: "communicator.find", Title: "Communicator found", Means: "A communicator that was lost is back."},
	{Name: "communicator.lose", Title: "Communicator lost", Means: "A communicator is lost or stolen; a link that it had ended at once."},
	{Name: "communicator.register", Title: "Communicator added", Means: "A communicator was added to the stock."},
	{Name: "communicator.release", Title: "Communicator released", Means: "A communicator is no longer kept for a pump."},
	{Name: "communicator.reserve", Title: "Communicator reserved", Means: "A communicator is kept for a pump."},
	{Name: "communicator.restore", Title: "Communicator restored", Means: "A revoked communicator was examined and may serve again."},
	{Name: "communicator.retire", Title: "Communicator retired", Means: "A communicator is out of service for good."},
	{Name: "communicator.revoke", Title: "Communicator revoked", Means: "A communicator is not trusted any more."},

	{Name: "group.add", Title: "Pump put into a group", Means: "Pumps were put into a group."},
	{Name: "group.create", Title: "Group made", Means: "A group of pumps was made."},
	{Name: "group.delete", Title: "Group deleted", Means: "A group of pumps was deleted."},
	{Name: "group.edit", Title: "Group edited", Means: "A group of pumps was edited."},
	{Name: "group.remove", Title: "Pump taken from a group", Means: "Pumps were taken from a group."},

	{Name: "key.add", Title: "Signing key added", Means: "A key with which a person signs doses was added."},
	{Name: "key.revoke", Title: "Signing key revoked", Means: "A key with which a person signed doses is no longer good."},

	{Name: "keyset.draft", Title: "Keyset drafted", Means: "A new keyset was drafted: whose signatures pumps will trust."},
	{Name: "keyset.publish", Title: "Keyset published", Means: "A signed keyset is on its way to the pumps."},
	{Name: "keyset.sign", Title: "Keyset signed", Means: "A person signed a keyset."},

	{Name: "library.activate", Title: "Library activated", Means: "A version of the drug library is in force."},
	{Name: "library.approve", Title: "Library approved", Means: "A second person approved a version of the drug library."},
	{Name: "library.draft", Title: "Library drafted", Means: "A version of the drug library was drafted."},
	{Name: "library.reject", Title: "Library rejected", Means: "A version of the drug library was rejected."},
	{Name: "library.submit", Title: "Library submitted", Means: "A version of the drug library waits for its second person."},

	{Name: "link.flood", Title: "Many messages refused", Means: "A link sends so many bad messages that not all are kept.", Keep: []string{"kind", "code"}},
	{Name: "link.refuse", Title: "Message refused", Means: "A message failed a check that protects the fleet; the first of its kind in an hour.", Keep: []string{"kind", "code"}},

	{Name: "maintenance.add", Title: "Maintenance noted", Means: "Somebody worked on a device and wrote it down."},

	{Name: "membership.add", Title: "Role given", Means: "A person got a role at a site.", Keep: []string{"role"}},
	{Name: "membership.remove", Title: "Role taken", Means: "A person lost a role at a site.", Keep: []string{"role"}},

	{Name: "oncall.end", Title: "On-call ended", Means: "Somebody is no longer on the list of on-call verifiers."},
	{Name: "oncall.set", Title: "On-call set", Means: "Somebody is on the list of on-call verifiers."},

	{Name: "order.applied", Title: "Order applied", Means: "A pump runs an order, by its own signed word."},
	{Name: "order.approve", Title: "Order approved", Means: "A person signed an order.", Keep: []string{"meaning", "signer"}},
	{Name: "order.bedside", Title: "Order waits at the bedside", Means: "A pump found an order right, and waits for somebody at the bedside to confirm it."},
	{Name: "order.bedside_over", Title: "Order waits no more", Means: "A pump that waited for the confirmation of an order at the bedside waits no more, without an answer to it."},
	{Name: "order.caught", Title: "Mistake caught", Means: "A number that a person entered independently was not the order's."},
	{Name: "order.counter_lost", Title: "Counter lost", Means: "A counter value of an order will never be used."},
	{Name: "order.discard", Title: "Draft discarded", Means: "An order that nobody had signed was put away: by its author, or since it came back and was not taken up within 30 days."},
	{Name: "order.draft", Title: "Order drafted", Means: "An order was drafted."},
	{Name: "order.escalate", Title: "Order escalated", Means: "An order waits too long for its second person; others were told."},
	{Name: "order.expired", Title: "Order expired", Means: "An order was not applied in time."},
	{Name: "order.mismatch", Title: "Read-back differs", Means: "A pump says that it runs something other than the order."},
	{Name: "order.propose", Title: "Order proposed", Means: "A prescriber signed an order and asks for a second person."},
	{Name: "order.read_back", Title: "Order read back", Means: "A pump said what it runs."},
	{Name: "order.refused", Title: "Order refused by the pump", Means: "A pump refused an order, and said why."},
	{Name: "order.release", Title: "Order released", Means: "A person let an order go to its pump.", Keep: []string{"meaning", "signer"}},
	{Name: "order.release_expired", Title: "Release expired", Means: "A release was not used in its minutes."},
	{Name: "order.released", Title: "Order released", Means: "A person let an order go to its pump."},
	{Name: "order.return", Title: "Order returned", Means: "An order went back to its proposer."},
	{Name: "order.review", Title: "Order reviewed", Means: "What is new since a proposal was looked at."},
	{Name: "order.sent", Title: "Order sent", Means: "An order left for its pump. It is not applied by that."},
	{Name: "order.stale", Title: "Order stale", Means: "What an order was based on has changed."},
	{Name: "order.stop", Title: "Stop ordered", Means: "A person signed a stop.", Keep: []string{"meaning", "signer"}},
	{Name: "order.stop_expired", Title: "Stop expired", Means: "A stop was not used in its time."},
	{Name: "order.supersede", Title: "Order superseded", Means: "Another order took the place of one."},
	{Name: "order.transfer", Title: "Transfer by the root handed in", Means: "An administrator handed in a transfer that the root had signed."},
	{Name: "order.transfer_answered", Title: "Transfer by the root answered", Means: "A pump applied a transfer that the root had signed, or refused it."},
	{Name: "order.transfer_expired", Title: "Transfer by the root expired", Means: "A transfer that the root had signed was not answered in its days."},
	{Name: "order.transfer_made", Title: "Transfer by the root prepared", Means: "An administrator made what the root would have to sign to take a pump to another site.", Keep: []string{"from", "to"}},
	{Name: "order.verify", Title: "Order verified", Means: "A second person checked an order independently."},
	{Name: "order.withdraw", Title: "Order withdrawn", Means: "A person signed the withdrawal of an order.", Keep: []string{"meaning", "signer"}},
	{Name: "order.withdraw_expired", Title: "Withdrawal expired", Means: "A withdrawal was not used in its time."},
	{Name: "order.withdrawal_refused", Title: "Withdrawal refused by the pump", Means: "A pump refused the withdrawal of an order."},
	{Name: "order.withdrawal_told", Title: "Withdrawal told", Means: "A pump knows that an order was withdrawn."},
	{Name: "order.withdrawn", Title: "Order withdrawn", Means: "An order was withdrawn."},

	{Name: "patient.allergy_add", Title: "Allergy noted", Means: "An allergy or contraindication was added to a patient."},
	{Name: "patient.allergy_end", Title: "Allergy ended", Means: "An allergy or contraindication of a patient was ended."},
	{Name: "patient.bind", Title: "Patient bound", Means: "A pump was bound to a patient."},
	{Name: "patient.create", Title: "Patient made", Means: "A pseudonymous patient record was made."},
	{Name: "patient.groups", Title: "Patient groups changed", Means: "The groups of a patient, which choose drug limits, changed."},
	{Name: "patient.unbind", Title: "Patient unbound", Means: "The binding of a pump and a patient ended."},

	{Name: "presence.never", Title: "Never heard", Means: "A pump is registered and was never heard."},
	{Name: "presence.offline", Title: "Offline", Means: "A pump is not connected.", Keep: []string{"was"}},
	{Name: "presence.online", Title: "Online", Means: "A pump was heard within the time that its profile allows.", Keep: []string{"was"}},
	{Name: "presence.stale", Title: "Silent", Means: "A pump is connected and silent for longer than its profile allows.", Keep: []string{"was"}},
	{Name: "presence.unknown", Title: "Presence unknown", Means: "The server's own end was down.", Keep: []string{"was"}},

	{Name: "pump.answer", Title: "Pump answered", Means: "A pump answered a document that it was sent, signed.", Keep: []string{"kind", "code"}},
	{Name: "pump.claim", Title: "Claim slip made", Means: "A pump may enrol with a one-time code."},
	{Name: "pump.claim_withdraw", Title: "Claim slip withdrawn", Means: "A one-time code is no longer good."},
	{Name: "pump.edit", Title: "Pump edited", Means: "The label or the facts of a pump were changed."},
	{Name: "pump.enrol", Title: "Pump enrolled", Means: "A pump spent its code and got its certificate."},
	{Name: "pump.enrol_refused", Title: "Enrolment refused", Means: "A pump tried to enrol and was refused."},
	{Name: "pump.explant", Title: "Pump explanted", Means: "A pump was taken out of its patient.", Keep: []string{"from", "to"}},
	{Name: "pump.fate", Title: "Explanted pump's fate", Means: "What became of an explanted pump was recorded."},
	{Name: "pump.hello", Title: "Pump reported in", Means: "A pump said hello, and something about it had changed."},
	{Name: "pump.link", Title: "Pump linked", Means: "A manual pump may enrol and get a link.", Keep: []string{"from", "to"}},
	{Name: "pump.manual", Title: "Pump made manual", Means: "A pump is from now on without a link.", Keep: []string{"from", "to"}},
	{Name: "pump.register", Title: "Pump registered", Means: "A pump was put into the register."},
	{Name: "pump.reinstate", Title: "Pump reinstated", Means: "A revoked pump may enrol again.", Keep: []string{"from", "to"}},
	{Name: "pump.replace", Title: "Pump replaced", Means: "A pump took the place of another."},
	{Name: "pump.replace_undo", Title: "Replacement undone", Means: "A replacement was taken back."},
	{Name: "pump.retire", Title: "Pump retired", Means: "A pump is out of service for good.", Keep: []string{"from", "to"}},
	{Name: "pump.revoke", Title: "Pump revoked", Means: "Trust in a pump, its communicator and their certificates was withdrawn.", Keep: []string{"from", "to"}},
	{Name: "pump.state", Title: "Pump state changed", Means: "What a pump says of itself changed: its program, library, keyset or profile.", Keep: []string{"changed"}},
	{Name: "pump.swap", Title: "Communicator exchanged", Means: "A pump got another communicator."},
	{Name: "pump.tag", Title: "Pump tagged", Means: "The tags of a pump changed."},
	{Name: "pump.transfer", Title: "Pump transferred", Means: "A pump belongs to another site, by its own signed word.", Keep: []string{"from", "to"}},

	{Name: "reading.correct", Title: "Reading corrected", Means: "A reading that somebody had recorded was corrected."},
	{Name: "reading.record", Title: "Reading recorded", Means: "Somebody recorded what a pump without a link showed."},

	{Name: "recall.add", Title: "Device added to a recall", Means: "A device was added to a recall by hand."},
	{Name: "recall.close", Title: "Recall closed", Means: "A recall is done with."},
	{Name: "recall.confirm", Title: "Device confirmed in a recall", Means: "A device that a recall matched is affected."},
	{Name: "recall.contact", Title: "Contact in a recall", Means: "Somebody was told of a recall."},
	{Name: "recall.create", Title: "Recall opened", Means: "A recall was opened."},
	{Name: "recall.device_close", Title: "Device done in a recall", Means: "A device is done with in a recall."},
	{Name: "recall.match", Title: "Recall matched", Means: "A recall was compared with the register."},
	{Name: "recall.remove", Title: "Device taken from a recall", Means: "A device is not affected by a recall."},
	{Name: "recall.reopen", Title: "Recall reopened", Means: "A recall that was closed is open again."},
	{Name: "recall.withdraw", Title: "Recall withdrawn", Means: "A recall was withdrawn."},

	{Name: "site.change", Title: "Site changed", Means: "The name, the time zone or another fact of a site was changed."},
	{Name: "site.create", Title: "Site made", Means: "A site was added."},

	{Name: "telemetry.digest", Title: "Reports of an hour", Means: "The reports that pumps sent in an hour are fixed by a digest in the record."},

	{Name: "token.create", Title: "API token made", Means: "A person made a token for a program."},
	{Name: "token.revoke", Title: "API token revoked", Means: "A token is no longer good."},

	{Name: "view.create", Title: "View saved", Means: "A view of the fleet was saved."},
	{Name: "view.delete", Title: "View deleted", Means: "A saved view was deleted."},
	{Name: "view.edit", Title: "View edited", Means: "A saved view was edited."},
}

var byName = func() map[string]*Entry {
	m := make(map[string]*Entry, len(catalogue))
	for i := range catalogue {
		m[catalogue[i].Name] = &catalogue[i]
	}
	return m
}()

// Lookup returns what an event of that name is.
func Lookup(name string) (Entry, bool) {
	e, ok := byName[name]
	if !ok {
		return Entry{}, false
	}
	return *e, true
}

// known reports whether a name, or one that ends in a dot, can choose any event.
func known(name string) bool {
	if !strings.HasSuffix(name, ".") {
		return byName[name] != nil
	}
	for n := range byName {
		if strings.HasPrefix(n, name) {
			return true
		}
	}
	return false
}

// ofRecord reports whether an entry of the record of this kind is told as an
// event. Changes of alarms are told from their own list.
func ofRecord(kind string) bool { return byName[kind] != nil && !strings.HasPrefix(kind, "alarm.") }
