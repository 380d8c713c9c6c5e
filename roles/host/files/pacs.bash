# Completion of the command pacs for bash.
_pacs() {
  local subcommands="status backup restore rehearse certificates upgrade drain space"
  local word=${COMP_WORDS[COMP_CWORD]} words
  case ${COMP_WORDS[1]} in
    status) words="--help --json" ;;
    backup) words="--help --dry-run --percent --json now check list status" ;;
    restore) words="--help --dry-run --snapshot --over --json archive study finish" ;;
    rehearse) words="--help --dry-run --snapshot --json" ;;
    certificates) words="--help --dry-run --no-order --new-keys --json" ;;
    upgrade) words="--help --wait --to --let-in --json back look keep close stop proven" ;;
    drain) words="--help --patience --closed --json close open" ;;
    space) words="--help --json show record" ;;
  esac
  [ "$COMP_CWORD" = 1 ] && words="$subcommands --help"
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F _pacs pacs
