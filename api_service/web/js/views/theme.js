// Light or dark: the system's preference until the reader chooses.

import { byId } from "../dom.js";

export function startTheme() {
  const button = byId("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const current = () => document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light");
  const name = () => {
    const other = current() === "dark" ? "light" : "dark";
    button.setAttribute("aria-label", `Switch to ${other} theme`);
    button.title = `Switch to ${other} theme`;
    return other;
  };
  button.addEventListener("click", () => {
    const other = name();
    document.documentElement.dataset.theme = other;
    try {
      localStorage.setItem("visionfleet-theme", other);
    } catch {
      // Storage is blocked: the choice lasts as long as the page.
    }
    name();
  });
  system.addEventListener("change", name);
  name();
}
