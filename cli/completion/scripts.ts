/** The shells with completion. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

// Each script asks `branchline __complete -- WORDS`, whose last word is the one to complete, possibly empty.

const BASH = `# bash completion for branchline. Load it with: source <(branchline completion bash)
_branchline() {
  local line word out kind candidate
  line=\${COMP_LINE:0:COMP_POINT}
  # Readline splits words at @ and =, which belong to the words of branchline.
  local -a words
  read -r -a words <<< "$line"
  if [[ $line == *' ' ]]; then words+=(''); fi
  word=\${words[\${#words[@]}-1]}
  out=$("\${words[0]}" __complete -- "\${words[@]:1}" 2>/dev/null) || return
  kind=\${out##*:}
  COMPREPLY=()
  while IFS=$'\\t' read -r candidate _; do
    [[ -z $candidate || $candidate == :* ]] && continue
    # What readline has already taken as a word of its own stays.
    [[ $word == *@* ]] && candidate=\${candidate#"\${word%"\${word##*@}"}"}
    COMPREPLY+=("$candidate")
  done <<< "$out"
  case $kind in
    files) compopt -o filenames; while IFS= read -r candidate; do COMPREPLY+=("$candidate"); done < <(compgen -f -- "$word") ;;
    folders) compopt -o filenames; while IFS= read -r candidate; do COMPREPLY+=("$candidate"); done < <(compgen -d -- "$word") ;;
  esac
}
complete -F _branchline branchline
`

const ZSH = `#compdef branchline
# zsh completion for branchline. Load it with: source <(branchline completion zsh)
_branchline() {
  local out kind line
  local -a values
  out=$("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null) || return
  kind=\${out##*:}
  for line in "\${(@f)out}"; do
    [[ -z $line || $line == :* ]] && continue
    # _describe separates the value from its description by a colon.
    values+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  (( \${#values} )) && _describe 'branchline' values
  case $kind in
    files) _files ;;
    folders) _files -/ ;;
  esac
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _branchline branchline
`

const FISH = `# fish completion for branchline. Load it with: branchline completion fish | source
function __branchline_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l out ($words[1] __complete -- $words[2..-1] 2>/dev/null)
    set -l kind $out[-1]
    for line in $out[1..-2]
        echo $line
    end
    switch $kind
        case ':files'
            __fish_complete_path (commandline -ct)
        case ':folders'
            __fish_complete_directories (commandline -ct)
    end
end
complete -c branchline -f -a '(__branchline_complete)'
`

const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH }

/** Returns the script that adds completion to a shell. */
export const completionScript = (shell: Shell): string => SCRIPTS[shell]
