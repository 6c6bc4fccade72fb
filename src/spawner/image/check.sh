#!/bin/sh
# check.sh OBJECT: does the image refer to itself only?  It is moved as it is,
# and everything else of the program is unmapped.
LC_ALL=C
export LC_ALL

object=$1
found=$(
	# Functions and variables of others: memcpy(3), for one, which
	# compilers call where nobody has written it.
	${NM:-nm} -u "$object"
	# Addresses that would have to be relocated, a GOT, variables.
	${READELF:-readelf} -rSW "$object" | awk '
		/^Relocation section/ { inside = $3 ~ /\.image/ }
		inside && $3 ~ /^R_/ &&
		    $3 !~ /^R_X86_64_(PC32|PLT32)$/ { print $3, $5 }
		$1 ~ /^\[/ { sub(/^\[ *[0-9]+\] */, "") }
		$2 ~ /^(PROGBITS|NOBITS)$/ && $7 ~ /A/ && $1 != ".image" \
		    { print "section", $1, "of", $5, "(hex) bytes" }'
) || exit 1
test -z "$found" && exit
echo "$object: the image refers to what is not in it:" >&2
echo "$found" >&2
exit 1
