package runs

import _ "vzsl/internal/filetest" // what tests write is not synced to the disk: wholefile.Durable
