(function () {
  "use strict";
  document.querySelectorAll("table.sortable").forEach(function (table) {
    var body = table.tBodies[0], heads = table.tHead.rows[0].cells;
    Array.prototype.forEach.call(heads, function (head, column) {
      if (!head.dataset.sort) return;
      var button = document.createElement("button");
      button.type = "button";
      while (head.firstChild) button.appendChild(head.firstChild);
      head.appendChild(button);
      button.addEventListener("click", function () {
        var text = head.dataset.sort === "text", first = text ? "ascending" : "descending";
        var order = head.getAttribute("aria-sort") !== first ? first : text ? "descending" : "ascending";
        var sign = order === "ascending" ? 1 : -1;
        Array.prototype.forEach.call(heads, function (h) { h.removeAttribute("aria-sort"); });
        head.setAttribute("aria-sort", order);
        var rows = Array.prototype.slice.call(body.rows);
        rows.sort(function (a, b) {
          var x = a.cells[column].dataset.v, y = b.cells[column].dataset.v;
          return sign * (text ? x.localeCompare(y) : x - y);
        });
        rows.forEach(function (row) { body.appendChild(row); });
      });
    });
  });
  document.querySelectorAll(".zoomable").forEach(function (matrix) {
    matrix.querySelector("svg").addEventListener("click", function (event) {
      var title = event.target.tagName === "rect" && event.target.querySelector("title");
      matrix.querySelector(".counts").textContent = title ? title.textContent : "";
    });
  });
})();
