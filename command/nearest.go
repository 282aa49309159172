package command

import "strings"

// nearest is the known word that was probably meant, or "" where none is close.
func nearest(word string, known []string) string {
	best, distance := "", 0
	for _, k := range known {
		d := edits(strings.ToLower(word), k)
		if strings.HasPrefix(k, word) && len(word) > 2 {
			d = min(d, 1)
		}
		if best == "" || d < distance {
			best, distance = k, d
		}
	}
	if best == "" || distance > max(1, len(strings.TrimLeft(word, "-"))/3) {
		return ""
	}
	return best
}

// edits counts the insertions, removals, replacements and swaps of neighbours that turn a into b.
func edits(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			replace := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
