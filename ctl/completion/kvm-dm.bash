# SPDX-License-Identifier: GPL-2.0-or-later
# bash completion for kvm-dm. The words come from the program's own help, so they are those of the
# version that is installed.

# The suboptions of option $2, or of the device or back end after it, as "NAME=" and its values as NAME=VALUE.
_kvm_dm_suboptions()
{
    "$1" -help 2>/dev/null | awk -v option="$2" '
        /^-/ { inside = ($1 == option) }
        inside && /^    [a-z]/ {
            split($1, part, "=")
            print part[1] "="
            n = split(part[2], values, "|")
            for (i = 1; n > 1 && i <= n; i++)
                print part[1] "=" values[i]
        }'
}

_kvm_dm_properties()
{
    "$1" "$2" "$3,help" 2>/dev/null | sed -n 's/^  \([a-z][a-z0-9_-]*=\).*/\1/p'
}

_kvm_dm_words()
{
    # _kvm_dm_words PROGRAM OPTION FIRST-WORD-OF-THE-LIST: what may stand in the list
    case $2 in
    -device) [ -n "$3" ] && _kvm_dm_properties "$1" "$2" "$3" ||
        "$1" -device help 2>/dev/null | sed -n 's/^name "\([^"]*\)".*/\1/p' ;;
    -chardev) [ -n "$3" ] && _kvm_dm_properties "$1" "$2" "$3" ||
        "$1" -chardev help 2>/dev/null | sed -n 's/^  //p' ;;
    -display) case $3 in
        "") "$1" -display help 2>/dev/null | sed '1d; s/^web$/web web=/; s/^vnc$/vnc=/' ;;
        web*) _kvm_dm_properties "$1" -display web ;;
        vnc*) _kvm_dm_suboptions "$1" -vnc ;;
        esac ;;
    -machine | -M) "$1" -machine help 2>/dev/null | sed -n '2,$s/ .*//p'
        _kvm_dm_suboptions "$1" -machine ;;
    *) _kvm_dm_suboptions "$1" "$2" ;;
    esac
}

# Options whose value is a list NAME=VALUE,...; after the others a file is taken.
_kvm_dm_lists=" -device -chardev -machine -M -drive -blockdev -m -smp -boot -rtc -mon -cpu -accel -global
 -display -vga -name -serial -monitor -qmp "

_kvm_dm()
{
    local program=${COMP_WORDS[0]} line=${COMP_LINE:0:COMP_POINT} words cur option head last first= i
    # Bash splits words at '=' and ':' too; these are taken from the line itself.
    read -r -a words <<<"$line"
    case $line in *[[:space:]]) words+=("") ;; esac
    cur=${words[${#words[@]} - 1]}
    option=${words[${#words[@]} - 2]/#--/-}
    COMPREPLY=()
    if [ "${cur#-}" != "$cur" ]; then
        words=$("$program" -help 2>/dev/null | sed -n 's/^\(-[A-Za-z0-9-]*\).*/\1/p')
        COMPREPLY=($(compgen -W "$words" -- "${cur/#--/-}"))
        return
    fi
    case $_kvm_dm_lists in
    *" $option "*) ;;
    *) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    esac
    last=${cur##*,}
    head=${cur%"$last"}
    [ -n "$head" ] && first=${cur%%,*}
    case $last in
    file=* | filename=* | path=*)
        for i in $(compgen -f -- "${last#*=}"); do COMPREPLY+=("$head${last%%=*}=$i"); done ;;
    *) COMPREPLY=($(compgen -P "$head" -W "$(_kvm_dm_words "$program" "$option" "$first")" -- "$last")) ;;
    esac
    # What bash takes for the current word begins after the last '=' or ':'.
    head=${cur%"${cur##*[=:]}"}
    for i in "${!COMPREPLY[@]}"; do COMPREPLY[i]=${COMPREPLY[i]#"$head"}; done
}
complete -o nospace -F _kvm_dm kvm-dm
