// What the theme leaves without a name, for those who hear the page: the arrows of the side bar, and its title.
document.addEventListener("DOMContentLoaded", () => {
  for (const arrow of document.querySelectorAll(".bd-sidebar-primary summary")) {
    const link = arrow.closest("li").querySelector("a");
    arrow.setAttribute("aria-label", `Pages of ${link.textContent.trim()}`);
  }
  const title = document.querySelector(".bd-sidebar-primary .navbar-brand");
  if (title) {
    title.parentElement.setAttribute("role", "region");
    title.parentElement.setAttribute("aria-label", "Title of the book");
  }
});
