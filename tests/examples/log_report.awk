# SPDX-License-Identifier: MIT
# What log_report --json computes, in awk: the oracle of its test, and what it is measured against.
#     LC_ALL=C mawk -f log_report.awk FILE...
#
# An entry:  client ident user [date] "request" status size  and, after that, nothing or  "referer" "agent"  with
# anything behind a further blank. In quotes a backslash takes the next character along. The status has three digits,
# the size 1 to 15 or is `-`. Carriage returns at the end of a line do not count. A line of more than 65536 bytes is
# malformed. A byte order mark at its beginning does not count, nor does `server:port` before the client, unless `-`
# follows; of `client, proxy, proxy` the first is the client. The path is the second word of the request up to a `?`; of a request of one word, that word.

BEGIN {
    FS = "\""
    quoted = "\"([^\"\\\\]|\\\\.)*\""
    front = "^[^ ]+ [^ ]+ [^[]+ \\[[^\"]+\\] "
    common = "^ [0-9][0-9][0-9] (-|[0-9]+)$"
    combined = "^ [0-9][0-9][0-9] (-|[0-9]+) $"
    whole_front = "^[^ ]+ [^ ]+ [^[]+ \\[.+\\] $" # where there is no quote
    entry = front quoted " [0-9][0-9][0-9] (-|[0-9]+)( " quoted " " quoted "( .*)?)?$"
}

{
    if ($0 ~ /\r$/) sub(/\r+$/, "")
    if (length($0) > 65536) { malformed++; next }
    if (substr($0, 1, 3) == "\357\273\277") $0 = substr($0, 4)
    if ($0 ~ /^[^: ]+:[0-9]+ / && $0 !~ /^[^ ]+ - /) $0 = substr($0, index($0, " ") + 1)
    if ($0 ~ /^[^ ]*, /) {
        rest = $0
        first = substr(rest, 1, index(rest, " ") - 2)
        while (rest ~ /^[^ ]*, /) rest = substr(rest, index(rest, " ") + 1)
        if (rest !~ /^[^ ]+ /) { malformed++; next }
        $0 = first " " substr(rest, index(rest, " ") + 1)
    }

    # Mostly quotes are where they divide fields: then there is a fast way. `entry` is what counts.
    if (NF == 3) fast = $3 ~ common
    else fast = $3 ~ combined && $5 == " " && (NF == 7 && $7 == "" || NF > 6 && $7 ~ /^ /)
    if (fast && !index($0, "\\") && $1 ~ whole_front) {
        request = $2
        split($3, words, " ")
    } else {
        if ($0 !~ entry) { malformed++; next }
        match($0, front)
        rest = substr($0, RLENGTH + 1)
        match(rest, "^" quoted)
        request = substr(rest, 2, RLENGTH - 2)
        split(substr(rest, RLENGTH + 1), words, " ")
    }
    status = words[1]
    size = words[2]
    if (length(size) > 15) { malformed++; next }

    statuses[status]++
    if (size != "-") bytes += size
    clients[substr($0, 1, index($0, " ") - 1)]++

    if (blank = index(request, " ")) {
        request = substr(request, blank + 1)
        if (blank = index(request, " ")) request = substr(request, 1, blank - 1)
    }
    if (mark = index(request, "?")) request = substr(request, 1, mark - 1)
    paths[request]++
}

function before(count, name, count2, name2) {
    return count > count2 || count == count2 && name < name2
}

function json(text,   i, c, made) {
    if (text !~ /[\001-\037"\\]/) return text
    made = ""
    for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        if (c == "\"" || c == "\\") c = "\\" c
        else if (c in control) c = control[c]
        made = made c
    }
    return made
}

# The ten most frequent, kept sorted by insertion.
function top(counts,   name, n, i, made, c) {
    n = 0
    for (name in counts) {
        c = counts[name]
        if (n == 10 && !before(c, name, best_count[10], best[10])) continue
        if (n < 10) n++
        for (i = n; i > 1 && before(c, name, best_count[i - 1], best[i - 1]); i--) {
            best[i] = best[i - 1]
            best_count[i] = best_count[i - 1]
        }
        best[i] = name
        best_count[i] = c
    }
    made = ""
    for (i = 1; i <= n; i++) made = made (i > 1 ? "," : "") "[\"" json(best[i]) "\"," best_count[i] "]"
    return "[" made "]"
}

END {
    for (i = 1; i < 32; i++) control[sprintf("%c", i)] = sprintf("\\u%04x", i)
    codes = ""
    for (i = 0; i < 1000; i++) {
        code = sprintf("%03d", i)
        if (code in statuses) codes = codes (codes == "" ? "" : ",") "\"" code "\":" statuses[code]
    }
    printf "{\"lines\":%d,\"malformed\":%d,\"bytes\":%.0f,\"status\":{%s},\"top_paths\":%s,\"top_clients\":%s}\n",
        NR, malformed, bytes, codes, top(paths), top(clients)
}
