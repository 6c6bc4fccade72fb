# bash completion for forkgreet, forkgreetd, forkgreetctl, forkgreet-feed
# It offers what the program's own --help lists, so that it cannot be out of
# date.

_forkgreet_help()
{
	"$1" --help 2>/dev/null </dev/null
}

# Options: the words at the start of a line of --help that begin with "-".
_forkgreet_options()
{
	_forkgreet_help "$1" | sed -n \
		's/^  \(-[^ ,]*\), \(-[^ ]*\) .*/\1 \2/p; t
		s/^  \(-[^ ]*\) .*/\1/p'
}

# Verbs: lines that begin with a word.
_forkgreet_verbs()
{
	_forkgreet_help "$1" | sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p'
}

# The value that an option needs: "FILE" of "-o FILE", "" when it needs none.
_forkgreet_value()
{
	_forkgreet_help "$1" | awk -v option="$2" '
		/^  -/ {
			names = $1
			at = 2
			while (names ~ /,$/) {
				sub(/,$/, " ", names)
				names = names $at
				at++
			}
			if ((" " names " ") ~ (" " option " ") &&
			    $at ~ /^[A-Z_]+$/) {
				print $at
				exit
			}
		}'
}

_forkgreet()
{
	local current=$2 previous=$3 value=

	COMPREPLY=()
	case $previous in
	-?*) value=$(_forkgreet_value "$1" "$previous") ;;
	esac
	case $value in
	FILE | SOCKET)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
		;;
	?*) return ;;
	esac
	case $current in
	-*) mapfile -t COMPREPLY < <(
		compgen -W "$(_forkgreet_options "$1")" -- "$current") ;;
	*) case ${1##*/} in
		forkgreetctl) mapfile -t COMPREPLY < <(
			compgen -W "$(_forkgreet_verbs "$1")" -- "$current") ;;
		forkgreet-feed)
			mapfile -t COMPREPLY < <(compgen -c -- "$current") ;;
		forkgreet)
			mapfile -t COMPREPLY < <(compgen -A hostname -- "$current") ;;
		esac ;;
	esac
}

complete -F _forkgreet forkgreet forkgreetd forkgreetctl forkgreet-feed
