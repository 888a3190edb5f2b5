// The one thing that a browser knows better than the person before it: where they are. Without it they choose from the list.
const zone = document.querySelector("input[name=timezone]");
if (zone && !zone.value) zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone;
