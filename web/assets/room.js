// What HTML cannot do on the pages of a space. Every page works without this: forms do the same.
"use strict";
(() => {
  const fill = (text, ...what) => what.reduce((filled, part) => filled.replace("{}", () => part), text);
  const post = (to, what) => fetch(to, { method: "POST", body: new URLSearchParams(what) }).then((answer) => {
    if (!answer.ok || answer.redirected) throw new Error(answer.status);
  });

  // Items are dragged by their handle, with a pointer or with keys.
  for (const list of document.querySelectorAll("[data-sort]")) {
    const told = document.querySelector("[data-moves]");
    const first = Number(list.dataset.first);
    const items = () => [...list.children];
    const place = (item) => items().indexOf(item);
    const name = (item) => (item.querySelector("h3 a") || item.querySelector("h3")).firstChild.textContent.trim();
    const say = (what, item) => { told.textContent = fill(told.dataset[what], name(item), place(item) + 1, items().length); };
    let held = null;
    const put = (item, at) => {
      const others = items().filter((other) => other !== item);
      // What is moved stays where it is in the document while it is dragged; the others go around it.
      while (place(item) > at) item.after(items()[place(item) - 1]);
      while (place(item) < at && place(item) < others.length) item.before(items()[place(item) + 1]);
    };
    const take = (item, grip) => {
      held = { item, grip, from: place(item) };
      item.classList.add("held");
      grip.setAttribute("aria-pressed", "true");
    };
    const release = () => {
      held.item.classList.remove("held");
      held.item.style.transform = "";
      held.grip.setAttribute("aria-pressed", "false");
      const { item, from } = held;
      held = null;
      return { item, from };
    };
    const back = (what) => {
      const { item, from } = release();
      put(item, from);
      say(what, item);
    };
    const drop = () => {
      const { item, from } = release();
      const at = place(item);
      say("dropped", item);
      if (at === from) return;
      post(list.dataset.sort + item.dataset.id + "/place", { folder: list.dataset.folder, position: first + at }).catch(() => {
        put(item, from);
        say("failed", item);
        tellState(told.dataset.failed);
      });
    };
    for (const grip of list.querySelectorAll(".grip")) {
      const item = grip.closest("li");
      let pressed = null;
      grip.hidden = false;
      grip.addEventListener("pointerdown", (event) => {
        if (event.button || held) return;
        pressed = { at: event.clientY, has: false };
        grip.setPointerCapture(event.pointerId);
      });
      grip.addEventListener("pointermove", (event) => {
        if (!pressed) return;
        if (!pressed.has && Math.abs(event.clientY - pressed.at) > 4) { take(item, grip); pressed.has = true; }
        if (!pressed.has || !held) return;
        const y = event.clientY;
        const middle = (of) => { const box = of.getBoundingClientRect(); return box.top + box.height / 2; };
        item.style.transform = "";
        const at = items().filter((other) => other !== item && middle(other) < y).length;
        if (at !== place(item)) { put(item, at); say("moved", item); }
        item.style.transform = "translateY(" + (y - middle(item)) + "px)";
      });
      const up = (event) => {
        const was = pressed;
        pressed = null;
        if (was && was.has && held) { event.type === "pointerup" ? drop() : back("back"); }
      };
      grip.addEventListener("pointerup", up);
      grip.addEventListener("pointercancel", up);
      grip.addEventListener("keydown", (event) => {
        if (pressed && event.key === "Escape" && held) { pressed = null; back("back"); return; }
        const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
        const isPress = event.key === "Enter" || event.key === " ";
        if (!isPress && !(held && (step || event.key === "Escape"))) return;
        event.preventDefault();
        if (isPress) {
          if (held) { drop(); } else { take(item, grip); say("picked", item); }
        } else if (step) {
          put(item, Math.min(Math.max(place(item) + step, 0), items().length - 1));
          item.scrollIntoView({ block: "nearest" });
          say("moved", item);
        } else {
          back("back");
        }
        grip.focus();
      });
      grip.addEventListener("blur", () => { if (held && held.item === item && !pressed) back("back"); });
    }
  }

  // A logo's lower right corner is dragged; its size is kept for everybody.
  for (const corner of document.querySelectorAll("[data-corner]")) {
    const picture = corner.parentElement.querySelector("img");
    const ratio = picture.width / picture.height;
    let height = Number(corner.ariaValueNow);
    let kept = height;
    let from = null;
    let timer = 0;
    const show = (to) => {
      height = Math.round(Math.min(Math.max(to, 24), 400));
      picture.height = height;
      picture.width = Math.round(height * ratio);
      corner.ariaValueNow = height;
      corner.ariaValueText = fill(corner.dataset.pixels, height);
    };
    const keep = () => {
      if (height === kept) return;
      const asked = height;
      post(corner.dataset.to, { logo: corner.dataset.corner, height: asked })
        .then(() => { kept = asked; }, () => { show(kept); tellState(corner.dataset.failed); });
    };
    show(height);
    corner.hidden = false;
    picture.draggable = false;
    corner.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      from = { x: event.clientX, y: event.clientY, height };
      corner.setPointerCapture(event.pointerId);
    });
    corner.addEventListener("pointermove", (event) => {
      if (!from) return;
      const wider = (event.clientX - from.x) / ratio;
      const higher = event.clientY - from.y;
      show(from.height + (Math.abs(wider) > Math.abs(higher) ? wider : higher));
    });
    corner.addEventListener("pointerup", () => { from = null; keep(); });
    corner.addEventListener("pointercancel", () => { if (from) show(from.height); from = null; });
    corner.addEventListener("keydown", (event) => {
      const step = { ArrowUp: 4, ArrowRight: 4, ArrowDown: -4, ArrowLeft: -4, PageUp: 24, PageDown: -24 }[event.key];
      const to = { Home: 24, End: 400 }[event.key] || (step && height + step);
      if (event.key === "Escape" && from) { show(from.height); from = null; return; }
      if (!to) return;
      event.preventDefault();
      show(to);
      clearTimeout(timer);
      timer = setTimeout(keep, 400);
    });
    corner.addEventListener("blur", () => { clearTimeout(timer); if (!from) keep(); });
  }

  // Files go one after the other, each with how far it is; those that did not go stay chosen.
  for (const form of document.querySelectorAll("[data-upload]")) {
    const field = form.querySelector("[type=file]");
    const rows = form.querySelector("[data-sendings]");
    const told = form.querySelector("[data-told]");
    const words = form.dataset;
    const draw = (file) => {
      const row = document.createElement("li");
      const label = document.createElement("span");
      const bar = document.createElement("progress");
      label.textContent = file.name;
      bar.max = 100;
      bar.value = 0;
      bar.ariaLabel = fill(words.sending, file.name);
      row.append(label, bar);
      rows.append(row);
      return { label, bar, row };
    };
    const failed = ({ label, bar, row }, why) => {
      bar.remove();
      row.className = "error";
      label.textContent = why;
      told.textContent = why;
    };
    const send = (file, shown) => new Promise((done) => {
      const request = new XMLHttpRequest();
      const data = new FormData();
      data.append("description", form.elements.description.value);
      data.append("file", file);
      told.textContent = fill(words.sending, file.name);
      request.upload.addEventListener("progress", (sent) => { shown.bar.value = 100 * sent.loaded / sent.total; });
      request.upload.addEventListener("load", () => {
        shown.bar.removeAttribute("value");
        told.textContent = fill(words.checking, file.name);
      });
      request.addEventListener("load", () => {
        if (request.status < 400 && request.responseURL.includes("done=added")) {
          shown.bar.value = 100;
          told.textContent = fill(words.there, file.name);
          done(request.responseURL);
          return;
        }
        const page = new DOMParser().parseFromString(request.responseText, "text/html");
        const why = page.querySelector("form [role=alert], main .card p");
        failed(shown, why ? why.textContent.trim() : fill(words.failed, file.name));
        done("");
      });
      request.addEventListener("error", () => {
        failed(shown, fill(words.failed, file.name));
        tellState(stateBar.dataset[navigator.onLine ? "unsent" : "offline"]);
        done("");
      });
      request.open("POST", form.action);
      request.send(data);
    });
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const files = [...field.files];
      const button = form.querySelector("button");
      rows.replaceChildren();
      rows.hidden = false;
      if (files.length > 20) { failed(draw({ name: "" }), words.many); return; }
      button.disabled = true;
      const left = new DataTransfer();
      let isWhole = true;
      let last = "";
      for (const file of files) {
        const shown = draw(file);
        const to = file.size > Number(words.max) ? failed(shown, fill(words.large, file.name)) : await send(file, shown);
        if (to) { last = to; continue; }
        isWhole = false;
        if (file.size <= Number(words.max)) left.items.add(file);
      }
      button.disabled = false;
      if (isWhole) { location.assign(last); return; }
      field.files = left.files;
      field.focus();
    });
  }
})();
