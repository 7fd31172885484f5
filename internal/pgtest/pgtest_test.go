package pgtest

import "testing"

// TestIsolation: two tests' databases do not see each other, and the app role
// cannot make tables.
func TestIsolation(t *testing.T) {
	_, owner := NewOwner(t)
	other := New(t)
	if _, err := owner.Exec("CREATE TABLE only_here (n int)"); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Exec("SELECT * FROM only_here"); err == nil {
		t.Error("a table of one test is visible in another")
	}
	if _, err := other.Exec("CREATE TABLE public.mine (n int)"); err == nil {
		t.Error("the server's role can create tables")
	}
}
