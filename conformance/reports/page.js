const checks = [...document.querySelectorAll("details.check")];
const buttons = [...document.querySelectorAll(".controls button")];
const words = document.querySelector(".controls input");
let shown = "all";
function show() {
  const wanted = words.value.trim().toLowerCase();
  for (const check of checks) {
    const kind = shown === "all" || check.dataset.kind === shown;
    check.hidden = !kind || !check.textContent.toLowerCase().includes(wanted);
  }
  for (const group of document.querySelectorAll("section"))
    group.hidden = !group.querySelector("details.check:not([hidden])");
}
for (const button of buttons)
  button.onclick = () => {
    shown = button.dataset.kind;
    for (const one of buttons) one.setAttribute("aria-pressed", String(one === button));
    show();
  };
words.oninput = show;
window.onbeforeprint = () => { for (const one of checks) if (one.dataset.kind === "fail") one.open = true; };
