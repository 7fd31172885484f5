package postgres

import "context"

// companionKey is the key of a context's companions.
type companionKey struct{}

// Accompany returns a context in which every transaction of [InTx] runs f as its
// last statement, so that what f writes commits with the change or not at all. An
// error of f rolls the change back.
//
// It is for book-keeping about the request itself: that it was carried out (package
// once), that an item of a long piece of work was done. It carries no input of the
// change: who acts, on what and why are arguments.
func Accompany(ctx context.Context, f func(context.Context, *Tx) error) context.Context {
	before, _ := ctx.Value(companionKey{}).([]func(context.Context, *Tx) error)
	return context.WithValue(ctx, companionKey{}, append(before[:len(before):len(before)], f))
}

// companions runs those of ctx.
func companions(ctx context.Context, tx *Tx) error {
	all, _ := ctx.Value(companionKey{}).([]func(context.Context, *Tx) error)
	for _, f := range all {
		if err := f(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}
