// A task that has no view of its own yet.

import { el } from "../dom.js";

export function plain(name) {
  const words = name.replaceAll("-", " ");
  return {
    name,
    title: words.charAt(0).toUpperCase() + words.slice(1),
    route: `infer/${name.replaceAll("-", "_")}`,
    sliders: [],
    filtersClasses: false,
    summary: () => "Answered",
    list: () => el("p", { class: "quiet empty", text: "This task has no view of its own yet. Its answer is under JSON." }),
    draw: () => {},
    verdict: () => "",
  };
}
