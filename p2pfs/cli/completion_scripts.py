"""What makes shells complete the words of the program ``p2pfs``: they ask it each time."""

from __future__ import annotations

_BASH = r"""# Completion of p2pfs for bash: eval "$(p2pfs completion bash)"
_p2pfs() {
    local -a lines
    mapfile -t lines < <("$1" __complete bash "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" \
        2>/dev/null)
    COMPREPLY=("${lines[@]:1}")
    case ${lines[0]} in
        files) compopt -o default ;;
        directories) compopt -o dirnames ;;
    esac
    if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == */ ]]; then
        compopt -o nospace
    fi
}
complete -F _p2pfs p2pfs
"""

_ZSH = r"""#compdef p2pfs
# Completion of p2pfs for zsh: eval "$(p2pfs completion zsh)", behind compinit
_p2pfs() {
    local -a lines plain shown directories
    local line word
    lines=("${(@f)$("${(Q)words[1]}" __complete words "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" \
        2>/dev/null)}")
    for line in "${(@)lines[2,-1]}"; do
        word=${line%%$'\t'*}
        if [[ $word == */ ]]; then
            directories+=("$word")
        else
            plain+=("$word")
            shown+=("${word}${${line#*$'\t'}:+  -- ${line#*$'\t'}}")
        fi
    done
    (( $#directories )) && compadd -S '' -a directories
    (( $#plain )) && compadd -l -d shown -a plain
    [[ $PREFIX == --*=* ]] && compset -P '--*='
    case $lines[1] in
        files) _files ;;
        directories) _files -/ ;;
    esac
}
if [[ $funcstack[1] == _p2pfs ]]; then
    _p2pfs "$@"
else
    compdef _p2pfs p2pfs
fi
"""

_FISH = r"""# Completion of p2pfs for fish: p2pfs completion fish | source
function __p2pfs_complete
    set -l token (commandline -ct)
    set -l words (commandline -opc)
    set -l current (string unescape -- $token; or string unescape -- $token'"'; \
        or string unescape -- $token"'")
    set -l lines ($words[1] __complete words $words[2..-1] "$current" 2>/dev/null)
    for line in $lines[2..-1]
        echo $line
    end
    switch "$lines[1]"
        case files
            __fish_complete_path "$token"
        case directories
            __fish_complete_directories "$token"
    end
end
complete -c p2pfs -f -a '(__p2pfs_complete)'
"""

SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
"""The script of each shell, which it is to read once."""
