// A classic script in <head>: a remembered theme is on the page before the first paint.
(() => {
  try {
    const theme = localStorage.getItem("visionfleet-theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Storage is blocked: the system's preference holds.
  }
})();
