package auth

import "math"

// boards are the rows of keyboards, from the top, without and with the shift key;
// each row stands half a key to the right of the one above.
var boards = [][][2]string{
	{{"1234567890-=", "!@#$%^&*()_+"}, {"qwertyuiop[]", "qwertyuiop{}"}, {"asdfghjkl;'", "asdfghjkl:\""}, {"zxcvbnm,./", "zxcvbnm<>?"}},
	{{"1234567890ß´", "!\"§$%&/()=?`"}, {"qwertzuiopü+", "qwertzuiopü*"}, {"asdfghjklöä#", "asdfghjklöä'"}, {"yxcvbnm,.-", "yxcvbnm;:_"}},
	{{"&é\"'(-è_çà)=", "1234567890°+"}, {"azertyuiop^$", "azertyuiop¨£"}, {"qsdfghjklmù*", "qsdfghjklm%µ"}, {"wxcvbn,;:!", "wxcvbn?./§"}},
	{{"789", "789"}, {"456", "456"}, {"123", "123"}}, // the block of digits
}

// places says where each character stands on each board.
var places = func() []map[rune][2]int {
	out := make([]map[rune][2]int, len(boards))
	for i, rows := range boards {
		out[i] = map[rune][2]int{}
		for y, row := range rows {
			for _, keys := range row {
				for x, r := range []rune(keys) {
					out[i][r] = [2]int{x, y}
				}
			}
		}
	}
	return out
}()

// walkPieces are at least four keys each of which lies beside the one before, or
// begins a line beside the line before: qwertz, 1q2w3e4r, qazwsxedc. A guesser says
// where it begins and where it turns. What goes on in the same way does not turn.
func walkPieces(text []rune) (found []piece) {
	for _, at := range places {
		start := math.Log2(float64(len(at)))
		for from := range text {
			w := walk{line: from}
			for to := from + 1; to < len(text) && w.goesTo(at, text, to); to++ {
				if n := to + 1 - from; n >= 4 {
					found = append(found, piece{from, to + 1, start + 2*float64(1+w.turns) + math.Log2(float64(n)), "a walk over the keyboard"})
				}
			}
		}
	}
	return found
}

// walk is where a walk over a keyboard has come to.
type walk struct {
	steps [][2]int
	turns int
	line  int // where the straight line that it is in began
	lines int // that it began beside the line before
}

// goesTo takes the walk on to text[to], or says that it does not lead there.
func (w *walk) goesTo(at map[rune][2]int, text []rune, to int) bool {
	a, ok := at[text[to-1]]
	b, too := at[text[to]]
	if !ok || !too {
		return false
	}
	step := [2]int{b[0] - a[0], b[1] - a[1]}
	n := len(w.steps)
	if !beside(step) {
		first := at[text[w.line]]
		if to-w.line < 3 || b[1] != first[1] || max(b[0]-first[0], first[0]-b[0]) != 1 {
			return false
		}
		if w.lines == 0 { // the others go on in the same way
			w.turns += 2
		}
		w.lines, w.line, w.steps = w.lines+1, to, nil
		return true
	}
	if n > 0 && step != w.steps[n-1] {
		w.line = to - 1
		if n < 2 || step != w.steps[n-2] {
			w.turns++
		}
	}
	w.steps = append(w.steps, step)
	return true
}

// beside reports whether a step leads to the same key or one that touches it.
func beside(step [2]int) bool {
	x, y := step[0], step[1]
	switch y {
	case 0:
		return x >= -1 && x <= 1
	case 1: // the row below stands half a key to the right
		return x == 0 || x == -1
	case -1:
		return x == 0 || x == 1
	}
	return false
}
