package catalog

// Download is something that is fetched from its official address: a dataset, a network, word vectors.
type Download struct {
	Name, Title string
	Page        string // where it is described
	Licence     string // shown and accepted before the first byte
	Place       string // what appears: a folder, or of a network a file
	Files       []RemoteFile
	Unpacked    int64  // bytes it may unpack to
	Next        string // the command to continue with
}

// RemoteFile is one file of a download. Sizes and checksums are copied from the source named, not computed. Where no checksum is
// published, the length and the SHA-256 of what came are reported, so that two people can compare.
type RemoteFile struct {
	Name        string
	URLs        []string // the first that answers is taken
	Size        int64    // in bytes; 0: not known exactly
	About       string   // size, where it is not known exactly
	SHA256, MD5 string   // in hexadecimal; "": not published
	Source      string   // who publishes the checksum
	Unpack      bool
}

// Downloads are those of all entries.
func Downloads() []Download {
	var all []Download
	for _, e := range entries {
		all = append(all, e.Downloads...)
	}
	return all
}
