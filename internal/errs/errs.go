// Package errs names the kinds of failure that a person can act on.
//
// An error made here carries a sentence meant for the person who caused it:
// what happened, to which thing, and what to do. Every other error is internal:
// it is logged with a request id and shown as nothing but that id. One table in
// package web maps kinds to HTTP statuses. The package holds no state and does
// no I/O.
package errs

import (
	"errors"
	"fmt"
)

// Kind says what sort of failure an error is. The zero Kind is Internal.
type Kind string

// The kinds. Their strings are stable: they are the `code` of API problems.
const (
	Internal     Kind = ""             // a defect or an outage of ours
	Invalid      Kind = "invalid"      // the request can never succeed as written
	NotFound     Kind = "not_found"    // no such thing, or not yours to see
	Gone         Kind = "gone"         // it was there, and is not kept any more
	Conflict     Kind = "conflict"     // the thing is not in a state that allows it
	Denied       Kind = "denied"       // the person may not do it
	Unauthorized Kind = "unauthorized" // nobody is signed in
	Throttled    Kind = "throttled"    // too often; try again later
	Unavailable  Kind = "unavailable"  // a part that is needed is down; try again
)

// Error is a failure with a kind and a sentence for people.
type Error struct {
	Kind    Kind
	Message string
	// Field names the input that was wrong, in the API's spelling, if one was.
	Field string
	// Fields names each input that was wrong, where there are several.
	Fields []Field
	// Reason is a stable code of the refusal, where a list of such codes tells
	// people what to do.
	Reason string
	cause  error
}

// Field is one input that was wrong, and what is wrong with it.
type Field struct{ Name, Message string }

// Error returns the sentence, and the cause if there is one.
func (e *Error) Error() string {
	if e.cause != nil {
		return e.Message + ": " + e.cause.Error()
	}
	return e.Message
}

// Unwrap returns the cause, so that errors.Is and errors.As see it.
func (e *Error) Unwrap() error { return e.cause }

// New returns an error of the given kind with a sentence made by fmt.Sprintf.
func New(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// Wrap returns an error of the given kind that keeps cause for logs.
func Wrap(kind Kind, cause error, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...), cause: cause}
}

// Invalidf reports a request that can never succeed as written.
func Invalidf(format string, args ...any) *Error { return New(Invalid, format, args...) }

// InvalidField is Invalidf for one named input.
func InvalidField(field, format string, args ...any) *Error {
	e := New(Invalid, format, args...)
	e.Field = field
	return e
}

// InvalidFields is Invalidf for several named inputs.
func InvalidFields(message string, fields ...Field) *Error {
	e := New(Invalid, "%s", message)
	e.Fields = fields
	return e
}

// NotFoundf reports a thing that is not there, or not the asker's to see.
func NotFoundf(format string, args ...any) *Error { return New(NotFound, format, args...) }

// Conflictf reports a thing whose state does not allow the request.
func Conflictf(format string, args ...any) *Error { return New(Conflict, format, args...) }

// Deniedf reports that the person may not do it.
func Deniedf(format string, args ...any) *Error { return New(Denied, format, args...) }

// KindOf returns the kind of err, Internal if it has none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// Message returns the sentence for people, or a neutral one for internal errors.
func Message(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Message
	}
	return "Something went wrong on the server. Nothing was changed; try again, and report the request id if it happens again."
}
