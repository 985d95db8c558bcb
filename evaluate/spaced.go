package evaluate

// EvenlySpaced are n elements of a list, evenly spaced; all of them where there are no more.
func EvenlySpaced(all []int, n int) []int {
	if len(all) <= n {
		return all
	}
	some := make([]int, n)
	for i := range some {
		some[i] = all[i*len(all)/n]
	}
	return some
}
