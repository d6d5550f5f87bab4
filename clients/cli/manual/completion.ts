/** Completion scripts for bash, zsh and fish. They know every word by heart: no program is started while somebody types. Pure. */
import { bashScript } from "./bash.ts";
import { fishScript } from "./fish.ts";
import type { CommandPage } from "./page.ts";
import { zshScript } from "./zsh.ts";

/** The script for a shell; empty for any other than bash, zsh and fish. */
export function completionScript(shell: string, pages: readonly CommandPage[]): string {
  switch (shell) {
    case "bash":
      return bashScript(pages);
    case "zsh":
      return zshScript(pages);
    case "fish":
      return fishScript(pages);
    default:
      return "";
  }
}
