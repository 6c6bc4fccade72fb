# fish completion for forkgreet, forkgreetd, forkgreetctl, forkgreet-feed
# It offers what the program's own --help lists, with its text, so that it cannot be
# out of date.

# One line for each option: its name, a tab, its text.
function __forkgreet_options
    set -l program (commandline -opc)[1]
    for line in ($program --help 2>/dev/null </dev/null)
        set -l text (string replace -r '^.*  ' '' -- $line)
        if string match -qr '^  -' -- $line
            for name in (string match -ar '(?<=[ ])-[^ ,]*(?=,| )' -- \
                    (string match -r '^  (?:-[^ ]*, )*-[^ ]* ' -- $line))
                printf '%s\t%s\n' $name $text
            end
        end
    end
end

function __forkgreet_verbs
    set -l program (commandline -opc)[1]
    for line in ($program --help 2>/dev/null </dev/null)
        if string match -qr '^  [a-z][a-z-]*  ' -- $line
            printf '%s\t%s\n' (string match -r '[a-z][a-z-]*' -- $line) \
                (string replace -r '^.*  ' '' -- $line)
        end
    end
end

# True after an option that needs what the argument names, such as FILE.
function __forkgreet_needs
    set -l previous (string escape --style=regex -- (commandline -opc)[-1])
    string match -qr -- '^-' $previous; or string match -qr -- '^\\\\-' $previous
    or return 1
    set -l program (commandline -opc)[1]
    $program --help 2>/dev/null </dev/null |
        string match -qr -- "^  (-[^ ]*, )*$previous(, -[^ ]*)* ($argv[1])( |\$)"
end

set -l value '[A-Z_]+'
for program in forkgreet forkgreetd forkgreetctl forkgreet-feed
    complete -c $program -f
    complete -c $program -n "not __forkgreet_needs '$value'; and string match -q -- '-*' (commandline -ct)" \
        -a '(__forkgreet_options)'
    complete -c $program -F -n "__forkgreet_needs 'FILE|SOCKET'"
end
complete -c forkgreetctl -n "not __forkgreet_needs '$value'; and not string match -q -- '-*' (commandline -ct)" \
    -a '(__forkgreet_verbs)'
complete -c forkgreet -n "not __forkgreet_needs '$value'; and not string match -q -- '-*' (commandline -ct)" \
    -a '(__fish_print_hostnames)'
complete -c forkgreet-feed -n "not __forkgreet_needs '$value'; and not string match -q -- '-*' (commandline -ct)" \
    -a '(__fish_complete_command)'
