#!/bin/sh
# check.sh OBJECT: does the image refer to itself only?  It is moved as it is,
# and everything else of the program is unmapped.
LC_ALL=C
export LC_ALL

object=$1
# Functions and variables of others: memcpy(3), for one, which compilers call
# where nobody has written it.
undefined=$(${NM:-nm} -u "$object") || exit 1
tables=$(${READELF:-readelf} -rSW "$object") || exit 1
# Addresses that would have to be relocated, a GOT, variables.  No section
# .image: then it is another file.
others=$(
	echo "$tables" | awk '
		/^Relocation section/ { inside = $3 ~ /\.image/ }
		inside && $3 ~ /^R_/ &&
		    $3 !~ /^R_X86_64_(PC32|PLT32)$/ { print $3, $5 }
		$1 ~ /^\[/ { sub(/^ *\[ *[0-9]+\] */, "") }
		$2 ~ /^(PROGBITS|NOBITS)$/ && $1 == ".image" { image = 1 }
		$2 ~ /^(PROGBITS|NOBITS)$/ && $7 ~ /A/ && $1 != ".image" && \
		    $5 !~ /^0+$/ \
		    { print "section", $1, "of", $5, "(hex) bytes" }
		END { if (!image) print "no section .image" }'
) || exit 1
test -z "$undefined$others" && exit
echo "$object: the image refers to what is not in it:" >&2
printf '%s\n' "$undefined" "$others" >&2
exit 1
