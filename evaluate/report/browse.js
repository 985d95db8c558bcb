(function () {
  "use strict";
  var source = document.getElementById("browse-data");
  if (!source) return;
  var D = JSON.parse(source.textContent), TOP = 3, PAGE = 300;
  if (!D.images.length) return;

  // h creates an element; the attribute "text" is its text, functions become event listeners.
  function h(tag, attributes, children) {
    var e = document.createElement(tag);
    Object.keys(attributes || {}).forEach(function (k) {
      var v = attributes[k];
      if (k === "text") e.textContent = v;
      else if (typeof v === "function") e.addEventListener(k, v);
      else if (v === true) e.setAttribute(k, "");
      else if (v !== false && v !== null) e.setAttribute(k, v);
    });
    (children || []).forEach(function (c) { if (c) e.appendChild(typeof c === "string" ? document.createTextNode(c) : c); });
    return e;
  }
  function name(c) { return D.classes[c].n; }
  function right(i) { return D.images[i][TOP] === D.images[i][0]; }
  function said(i) {
    var m = D.images[i];
    return right(i) ? name(m[0]) + ", correct" : name(m[0]) + ", predicted as " + name(m[TOP]);
  }
  function images(test) {
    var list = [];
    D.images.forEach(function (m, i) { if (test(m, i)) list.push(i); });
    return list;
  }
  function plural(n, one) { return n + " " + one + (n === 1 ? "" : "s"); }

  // picture returns an image's thumbnail, enlarged by a factor.
  function picture(i, scale) {
    var m = D.images[i], size = D.tile * scale, sheet = m[2] >= 0 && D.classes[m[0]].s;
    if (!sheet) return h("span", { "class": "notile", "aria-hidden": "true", text: D.names[i].replace(/^.*\//, "") });
    var s = h("span", { "class": "tilepic", "aria-hidden": "true" });
    s.style.width = s.style.height = size + "px";
    s.style.backgroundImage = "url(" + sheet + ")";
    s.style.backgroundSize = Math.min(D.columns, count(m[0])) * size + "px auto";
    s.style.backgroundPosition = -(m[2] % D.columns) * size + "px " + -Math.floor(m[2] / D.columns) * size + "px";
    return s;
  }
  var counts = [];
  D.images.forEach(function (m) { if (m[2] >= 0) counts[m[0]] = Math.max(counts[m[0]] || 0, m[2] + 1); });
  function count(c) { return counts[c] || 1; }

  // The viewer: a grid of images, one image, or two classes.
  var title = h("h2", { id: "viewer-title", tabindex: "-1" }), body = h("div", { "class": "viewer-body" });
  var back = h("button", { type: "button", text: "Back to the list", hidden: true });
  var viewer = h("dialog", { "aria-labelledby": "viewer-title" }, [
    h("div", { "class": "viewer-head" }, [title, back, h("button", { type: "button", text: "Close", click: function () { viewer.close(); } })]), body]);
  document.body.appendChild(viewer);
  function show(text, content, backTo) {
    title.textContent = text;
    body.replaceChildren.apply(body, content);
    back.hidden = !backTo;
    back.onclick = backTo || null;
    if (!viewer.open) viewer.showModal();
    viewer.scrollTop = 0;
    title.focus();
  }
  function gallery(text, list, note) {
    var grid = h("ul", { "class": "tiles" }), shown = 0;
    var more = h("button", { type: "button", click: function () { add(); } });
    function add() {
      list.slice(shown, shown + PAGE).forEach(function (i, k) {
        grid.appendChild(h("li", {}, [h("button", { type: "button", "class": "tile" + (right(i) ? "" : " wrong"), "aria-label": D.names[i] + ": " + said(i), title: said(i),
          click: function () { detail(list, shownAt(i), text, note); } }, [picture(i, 1)])]));
      });
      shown = Math.min(list.length, shown + PAGE);
      more.hidden = shown === list.length;
      more.textContent = "Show more (" + (list.length - shown) + ")";
    }
    function shownAt(i) { return list.indexOf(i); }
    add();
    var wrong = list.filter(function (i) { return !right(i); }).length;
    show(text, [h("p", { "class": "key", text: plural(list.length, "image") + ", " + (list.length - wrong) + " correct" + (wrong ? ", " + wrong + " wrong (marked)" : "") + ". " + (note || "") }), grid, more]);
  }
  function detail(list, at, text, note) {
    var i = list[at], m = D.images[i];
    function go(to) { return function () { detail(list, to, text, note); }; }
    var ranks = h("ol", {}, m.slice(TOP).map(function (c) { return h("li", { "class": c === m[0] ? "good" : null, text: name(c) + (c === m[0] ? " (true class)" : "") }); }));
    show(D.names[i], [
      h("div", { "class": "one" }, [picture(i, Math.max(1, Math.round(224 / (D.tile || 224)))), h("div", {}, [
        h("p", { text: said(i) }), h("p", { "class": "key", text: "True class ranked " + m[1] + ". The best candidates:" }), ranks,
        h("p", {}, [
          h("button", { type: "button", text: "Previous", disabled: at === 0, click: go(at - 1) }), " ",
          h("button", { type: "button", text: "Next", disabled: at === list.length - 1, click: go(at + 1) }), " ",
          !right(i) && h("button", { type: "button", text: "Compare the two classes", click: function () { compare(m[0], m[TOP]); } })])])])
    ], function () { gallery(text, list, note); });
    body.onkeydown = title.onkeydown = function (e) {
      if (e.key === "ArrowRight" && at < list.length - 1) go(at + 1)();
      if (e.key === "ArrowLeft" && at > 0) go(at - 1)();
    };
  }
  viewer.addEventListener("close", function () { body.onkeydown = title.onkeydown = null; });

  // pair opens the images of a true class, of one predicted class or of all (-1).
  function pair(t, p) {
    var list = images(function (m) { return m[0] === t && (p < 0 || m[TOP] === p); });
    var text = p < 0 ? name(t) : p === t ? name(t) + " classified correctly" : name(t) + " predicted as " + name(p);
    var all = p < 0 ? D.classes[t].i : 0;
    gallery(text, list, all > list.length ? "The page has " + list.length + " of " + all + " images." : D.all > D.images.length ? "The page has " + D.images.length + " of " + D.all + " images." : "");
  }

  // number has three decimal places, or three significant digits: estimates can be small.
  function number(v) { return v === null || v === undefined ? "?" : String(Math.abs(v) < 1 ? Number(v.toPrecision(3)) : Math.round(v * 1000) / 1000).replace(/-/g, "\u2212"); }
  // compare shows two classes side by side: images, confusions, attributes and the model's estimates of them.
  function compare(a, b) {
    function column(c, o) {
      var list = images(function (m) { return m[0] === c; });
      var taken = list.filter(function (i) { return D.images[i][TOP] === o; }).length;
      return h("div", {}, [h("h3", { text: name(c) }), h("p", { "class": "key", text: D.classes[c].r + " of " + D.classes[c].i + " correct; " + taken + " predicted as " + name(o) }),
        h("ul", { "class": "tiles" }, list.slice(0, 24).map(function (i, k) {
          return h("li", {}, [h("button", { type: "button", "class": "tile" + (right(i) ? "" : " wrong"), "aria-label": D.names[i] + ": " + said(i), click: function () { detail(list, k, name(c)); } }, [picture(i, 1)])]);
        }))]);
    }
    var content = [h("div", { "class": "two" }, [column(a, b), column(b, a)])];
    if (D.attributes) {
      var order = D.attributes.map(function (_, k) {
        var all = D.raw.map(function (r) { return r[k]; }).filter(function (v) { return v !== null; });
        var span = Math.max.apply(null, all) - Math.min.apply(null, all) || 1;
        return { k: k, d: Math.abs((D.raw[a][k] || 0) - (D.raw[b][k] || 0)) / span };
      }).sort(function (x, y) { return y.d - x.d; });
      var seen = D.seen && D.seen[a] && D.seen[b] && D.seen[a].length && D.seen[b].length;
      var head = ["Attribute", name(a), name(b)].concat(seen ? ["estimate, images of " + name(a), "of " + name(b)] : []);
      var rows = order.slice(0, 60).map(function (o) {
        var cells = [D.raw[a][o.k], D.raw[b][o.k]].concat(seen ? [D.seen[a][o.k], D.seen[b][o.k]] : []);
        return h("tr", {}, [h("th", { scope: "row", text: D.attributes[o.k] })].concat(cells.map(function (v) { return h("td", { text: number(v) }); })));
      });
      content.push(h("div", { "class": "scroll compared", role: "region", "aria-label": "Attributes of the two classes", tabindex: "0" }, [h("table", {}, [
        h("caption", {}, [h("span", { text: "Attributes, the most different first: raw values" + (seen ? ", and the model's mean estimate for the images, in normalised values (above 0: the attribute is present)" : "") })]),
        h("thead", {}, [h("tr", {}, head.map(function (t, i) { return h("th", { scope: "col", "class": i ? null : "text", text: t }); }))]), h("tbody", {}, rows)])]));
    }
    show(name(a) + " and " + name(b), content);
  }

  // open turns the content of an element into a button.
  function open(e, label, act) {
    var b = h("button", { type: "button", "class": "open", "aria-label": label, click: act });
    var first = e.firstChild;
    e.insertBefore(b, first);
    if (first) b.appendChild(first);
  }
  document.querySelectorAll("[data-class]").forEach(function (e) {
    var c = Number(e.dataset["class"]);
    open(e, name(c) + ": its images", function () { pair(c, -1); });
  });
  document.querySelectorAll("td[data-pair]").forEach(function (e) {
    var p = e.dataset.pair.split(",").map(Number);
    open(e, e.firstChild.textContent + " images of " + name(p[0]) + " predicted as " + name(p[1]), function () { pair(p[0], p[1]); });
  });
  document.querySelectorAll("[data-image]").forEach(function (e) {
    var i = D.names.indexOf(e.dataset.image);
    if (i < 0) return;
    var m = D.images[i], list = images(function (x) { return x[0] === m[0] && x[TOP] === m[TOP]; });
    open(e, D.names[i] + ": " + said(i), function () { detail(list, list.indexOf(i), name(m[0]) + " predicted as " + name(m[TOP])); });
  });
  // Matrices, of classes or of groups: a cell opens its images, by the mouse or by keys.
  document.querySelectorAll(".cm svg").forEach(function (svg) {
    function list(text) { return text.split(",").map(Number); }
    var rows = list(svg.dataset.rows), columns = list(svg.dataset.columns), G = svg.dataset.grouping === undefined ? null : D.groups[Number(svg.dataset.grouping)];
    var counts = svg.closest(".zoomable").querySelector(".counts"), mark = null, y = 0, x = 0;
    function of(c) { return G ? G.of[c] : c; }
    function called(k) { return G ? G.n[k] : name(k); }
    var cells = {};
    D.images.forEach(function (m, i) {
      var key = of(m[0]) + "," + of(m[TOP]);
      (cells[key] = cells[key] || []).push(i);
    });
    function at(row, column) { return cells[rows[row] + "," + columns[column]] || []; }
    function text() {
      var t = rows[y], p = columns[x];
      return called(t) + (t === p ? " classified correctly" : " predicted as " + called(p));
    }
    function choose(row, column) {
      y = row;
      x = column;
      if (!mark) {
        mark = document.createElementNS(svg.namespaceURI, "rect");
        mark.setAttribute("class", "at");
        mark.setAttribute("width", 10);
        mark.setAttribute("height", 10);
        svg.appendChild(mark);
      }
      mark.setAttribute("x", 10 * x);
      mark.setAttribute("y", 10 * y);
      counts.textContent = text() + ": " + plural(at(y, x).length, "image");
    }
    function open() {
      if (at(y, x).length) gallery(text(), at(y, x), D.all > D.images.length ? "The page holds " + D.images.length + " of " + D.all + " images." : "");
    }
    function pointed(event) {
      var r = svg.getBoundingClientRect(), row = Math.floor((event.clientY - r.top) / r.height * rows.length), column = Math.floor((event.clientX - r.left) / r.width * columns.length);
      return row >= 0 && row < rows.length && column >= 0 && column < columns.length ? [row, column] : null;
    }
    svg.setAttribute("tabindex", "0");
    svg.setAttribute("aria-roledescription", "matrix: arrow keys choose a cell, left and right those with images, Enter shows its images");
    svg.addEventListener("click", function (event) {
      var p = pointed(event);
      if (!p) return;
      choose(p[0], p[1]);
      open();
    });
    svg.addEventListener("pointermove", function (event) {
      var p = event.pointerType === "mouse" && pointed(event);
      if (p && (p[0] !== y || p[1] !== x || !mark)) choose(p[0], p[1]);
    });
    svg.addEventListener("focus", function () {
      if (!mark) choose(0, Math.max(0, columns.indexOf(rows[0])));
    });
    svg.addEventListener("keydown", function (event) {
      var step = { ArrowLeft: -1, ArrowRight: 1 }[event.key], down = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (step) {
        var to = x + step;
        while (to >= 0 && to < columns.length && !at(y, to).length) to += step;
        if (to >= 0 && to < columns.length) choose(y, to);
      } else if (down) choose(Math.max(0, Math.min(rows.length - 1, y + down)), x);
      else if (event.key === "Home") choose(y, Math.max(0, columns.indexOf(rows[y])));
      else if (event.key === "Enter" || event.key === " ") open();
      else return;
      event.preventDefault();
      mark.scrollIntoView({ block: "nearest", inline: "nearest" });
    });
  });

  // The section Images: menus for any true and predicted class, and for two classes.
  var section = document.getElementById("images");
  function menu(id, label, first) {
    var s = h("select", { id: id }, first ? [h("option", { value: "-1", text: first })] : []);
    D.classes.forEach(function (c, i) { if (id === "predicted" || c.i) s.appendChild(h("option", { value: i, text: c.n })); });
    return [h("label", { "for": id, text: label }), s];
  }
  function chosen(id) { return Number(document.getElementById(id).value); }
  section.appendChild(h("form", { "class": "choose", submit: function (e) { e.preventDefault(); pair(chosen("true"), chosen("predicted")); } },
    menu("true", "True class").concat(menu("predicted", "predicted as", "any class"), [h("button", { text: "Show images" })])));
  section.appendChild(h("form", { "class": "choose", submit: function (e) { e.preventDefault(); compare(chosen("first"), chosen("second")); } },
    menu("first", "Compare").concat(menu("second", "with"), [h("button", { text: "Side by side" })])));
  var second = document.getElementById("second");
  if (second.options.length > 1) second.selectedIndex = 1;
  section.appendChild(h("p", {}, [h("button", { type: "button", text: "All mistakes", click: function () { gallery("Mistakes", images(function (_, i) { return !right(i); })); } })]));
  section.hidden = false;
  var link = document.querySelector("nav a[href='#images']");
  if (link) link.hidden = false;

  // Maps: zoom, thumbnails; a lasso, the current view or a point opens images.
  document.querySelectorAll("svg[data-map]").forEach(function (svg) {
    var places = D.maps[Number(svg.dataset.map)];
    if (!places || !D.points) return;
    var view = { x: 0, y: 0, w: 1000 }, lasso = false, thumbs = false, path = null, drag = null, sheets = {};
    var box = h("div", { "class": "mapbox" }), canvas = h("canvas", { "aria-hidden": "true" });
    svg.parentNode.insertBefore(box, svg);
    box.appendChild(svg);
    box.appendChild(canvas);
    svg.setAttribute("tabindex", "0");
    svg.setAttribute("aria-roledescription", "map: arrow keys move it, + and - zoom, Enter shows the images in view");
    var line = document.createElementNS(svg.namespaceURI, "path");
    line.setAttribute("class", "lasso");
    svg.appendChild(line);
    function set(x, y, w) {
      view.w = Math.max(40, Math.min(1000, w));
      view.x = Math.max(0, Math.min(1000 - view.w, x));
      view.y = Math.max(0, Math.min(1000 - view.w, y));
      svg.setAttribute("viewBox", [view.x, view.y, view.w, view.w].join(" "));
      svg.style.setProperty("--z", view.w / 1000);
      paint();
    }
    function zoom(by, x, y) {
      var w = Math.max(40, Math.min(1000, view.w * by));
      if (x === undefined) { x = view.x + view.w / 2; y = view.y + view.w / 2; }
      set(x - (x - view.x) * w / view.w, y - (y - view.y) * w / view.w, w);
    }
    function paint() {
      var side = svg.clientWidth, ratio = window.devicePixelRatio || 1;
      canvas.width = canvas.height = thumbs ? side * ratio : 0;
      if (!thumbs) return;
      var g = canvas.getContext("2d"), size = Math.min(D.tile, 14 + 26 * (1000 - view.w) / 1000) * ratio;
      places.forEach(function (p, k) {
        var i = D.points[k], m = D.images[i], x = (p[0] - view.x) / view.w, y = (p[1] - view.y) / view.w;
        if (i < 0 || x < 0 || y < 0 || x > 1 || y > 1 || m[2] < 0) return;
        var sheet = sheets[m[0]];
        if (!sheet) {
          sheet = sheets[m[0]] = new Image();
          sheet.onload = paint;
          sheet.src = D.classes[m[0]].s;
        }
        if (sheet.complete && sheet.naturalWidth) {
          g.drawImage(sheet, m[2] % D.columns * D.tile, Math.floor(m[2] / D.columns) * D.tile, D.tile, D.tile, x * canvas.width - size / 2, y * canvas.height - size / 2, size, size);
        }
      });
      // The classes' numbers stay above the thumbnails.
      var style = getComputedStyle(svg.querySelector("text") || svg);
      g.font = "600 " + 0.024 * canvas.width + "px " + style.fontFamily;
      g.textAlign = "center";
      g.textBaseline = "middle";
      g.lineJoin = "round";
      g.lineWidth = 0.006 * canvas.width;
      g.strokeStyle = style.stroke;
      g.fillStyle = style.fill;
      svg.querySelectorAll("text").forEach(function (t) {
        var x = (Number(t.getAttribute("x")) - view.x) / view.w * canvas.width, y = (Number(t.getAttribute("y")) - view.y) / view.w * canvas.height;
        g.strokeText(t.textContent, x, y);
        g.fillText(t.textContent, x, y);
      });
    }
    function at(e) {
      var r = svg.getBoundingClientRect();
      return [view.x + (e.clientX - r.left) / r.width * view.w, view.y + (e.clientY - r.top) / r.height * view.w];
    }
    function open(test, text) {
      var list = [];
      places.forEach(function (p, k) { if (D.points[k] >= 0 && test(p)) list.push(D.points[k]); });
      if (list.length) gallery(text, list);
    }
    function inView() { open(function (p) { return p[0] >= view.x && p[0] <= view.x + view.w && p[1] >= view.y && p[1] <= view.y + view.w; }, "In view on the map"); }
    function inside(p) {
      var in_ = false;
      for (var i = 0, j = path.length - 1; i < path.length; j = i++) {
        var a = path[i], b = path[j];
        if (a[1] > p[1] !== b[1] > p[1] && p[0] < (b[0] - a[0]) * (p[1] - a[1]) / (b[1] - a[1]) + a[0]) in_ = !in_;
      }
      return in_;
    }
    svg.addEventListener("pointerdown", function (e) {
      if (e.button) return;
      drag = { from: at(e), x: view.x, y: view.y, cx: e.clientX, cy: e.clientY, moved: false };
      if (lasso) path = [drag.from];
      svg.setPointerCapture(e.pointerId);
    });
    svg.addEventListener("pointermove", function (e) {
      if (!drag) return;
      if (Math.abs(e.clientX - drag.cx) + Math.abs(e.clientY - drag.cy) > 4) drag.moved = true;
      if (lasso) {
        path.push(at(e));
        line.setAttribute("d", "M" + path.map(function (p) { return p[0].toFixed(1) + " " + p[1].toFixed(1); }).join("L"));
      } else if (view.w < 1000) {
        var r = svg.getBoundingClientRect();
        set(drag.x - (e.clientX - drag.cx) / r.width * view.w, drag.y - (e.clientY - drag.cy) / r.height * view.w, view.w);
      }
    });
    svg.addEventListener("pointerup", function (e) {
      if (!drag) return;
      var was = drag, p = at(e);
      drag = null;
      line.removeAttribute("d");
      // Delayed until after the click event, which would hit the dialog that opens under the pointer.
      if (lasso && was.moved && path.length > 2) return void setTimeout(open, 0, inside, "Selected on the map");
      if (was.moved) return;
      var best = -1, reach = 14 * view.w / svg.clientWidth;
      places.forEach(function (q, k) {
        var d = Math.hypot(q[0] - p[0], q[1] - p[1]);
        if (D.points[k] >= 0 && d < reach) { reach = d; best = D.points[k]; }
      });
      if (best >= 0) setTimeout(detail, 0, [best], 0, "On the map");
    });
    svg.addEventListener("wheel", function (e) {
      if (!e.ctrlKey && !e.metaKey) return; // the page scrolls
      e.preventDefault();
      var p = at(e);
      zoom(e.deltaY > 0 ? 1.25 : 0.8, p[0], p[1]);
    }, { passive: false });
    svg.addEventListener("keydown", function (e) {
      var step = view.w / 5, keys = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[e.key];
      if (keys) set(view.x + keys[0], view.y + keys[1], view.w);
      else if (e.key === "+" || e.key === "=") zoom(0.7);
      else if (e.key === "-") zoom(1 / 0.7);
      else if (e.key === "0") set(0, 0, 1000);
      else if (e.key === "Enter") inView();
      else return;
      e.preventDefault();
    });
    function toggle(text, act) {
      var b = h("button", { type: "button", "aria-pressed": "false", text: text, click: function () {
        var on = b.getAttribute("aria-pressed") !== "true";
        b.setAttribute("aria-pressed", String(on));
        act(on);
      } });
      return b;
    }
    box.parentNode.insertBefore(h("p", { "class": "maptools", role: "group", "aria-label": "Tools of the map" }, [
      h("button", { type: "button", "aria-label": "Zoom in", text: "+", click: function () { zoom(0.6); } }),
      h("button", { type: "button", "aria-label": "Zoom out", text: "\u2212", click: function () { zoom(1 / 0.6); } }),
      h("button", { type: "button", text: "Whole map", click: function () { set(0, 0, 1000); } }),
      D.tile ? toggle("Thumbnails", function (on) { thumbs = on; paint(); }) : null,
      toggle("Lasso", function (on) { lasso = on; svg.classList.toggle("lassoing", on); }),
      h("button", { type: "button", text: "Images in view", click: inView })]), box);
    window.addEventListener("resize", paint);
  });
  document.querySelectorAll(".numbered li[data-of]").forEach(function (e) {
    var c = Number(e.dataset.of);
    open(e, name(c) + ": its images", function () { pair(c, -1); });
  });
})();
