// Before the first paint, so that nobody is blinded at 3 am: the colour scheme that this browser chose before, else the system's.
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem("firedog.scheme");
  } catch {}
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const scheme = chosen === "light" || chosen === "dark" ? chosen : dark ? "dark" : "light";
  document.documentElement.setAttribute("data-mantine-color-scheme", scheme);
})();
