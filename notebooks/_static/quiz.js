// What jupyterquiz leaves to do for those who don't use a mouse. Arrow keys move, Space answers; what was said is read.
(function finish() {
  if (!root.querySelector(".Feedback")) return setTimeout(finish, 100);
  for (const question of root.querySelectorAll(".Quiz")) {
    const answers = question.querySelector(".Answer");
    answers.setAttribute("role", "radiogroup");
    answers.setAttribute("aria-label", question.firstChild.textContent);
    question.querySelector(".Feedback").setAttribute("role", "status");
  }
  root.querySelector("p").remove();
})();
root.addEventListener("keydown", (event) => {
  const step = {ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1}[event.key];
  if (!step || event.target.type !== "radio") return;
  event.preventDefault();  // a browser would answer with whatever the arrow reaches
  const all = [...event.target.closest(".Answer").querySelectorAll("input")];
  all[(all.indexOf(event.target) + step + all.length) % all.length].focus();
});
