// What HTML cannot do. Every page works without this.
"use strict";

// Links in mails carry their token behind the `#`, which no server sees. It moves into the form, and out of the address.
const token = location.hash.length > 20 ? location.hash.slice(1) : "";
for (const form of document.querySelectorAll("[data-fragment]")) {
  if (!token) continue;
  const field = form.elements[form.dataset.fragment];
  if (!field) continue;
  field.value = token;
  history.replaceState(null, "", location.pathname + location.search);
  form.hidden = false;
  for (const part of form.querySelectorAll("[data-token]")) part.hidden = true;
  for (const part of form.querySelectorAll("[data-waiting]")) part.hidden = false;
  for (const part of document.querySelectorAll("[data-without-fragment]")) part.hidden = true;
  // Looking at an invitation uses nothing up; everything else waits for a press of the button.
  if ("send" in form.dataset) form.requestSubmit();
}

// Moments in the person's own time zone and language.
const zone = document.body.dataset.zone || undefined;
for (const time of document.querySelectorAll("time[datetime]")) {
  const at = new Date(time.dateTime);
  try {
    const format = { dateStyle: "medium", timeStyle: "short", timeZone: zone };
    time.textContent = new Intl.DateTimeFormat(document.documentElement.lang, format).format(at);
  } catch {
    // A zone that this browser does not know: the text stays.
  }
}
for (const field of document.querySelectorAll("[data-browser-zone]")) {
  field.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
}

// Copying the link.
for (const button of document.querySelectorAll("[data-copy-button]")) {
  const field = button.parentElement.querySelector("[data-copy]");
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(field.value);
    button.textContent = "✓ " + button.textContent.replace("✓ ", "");
  });
}

// One menu open at a time; Escape and a click elsewhere close it.
const menus = [...document.querySelectorAll("details.menu")];
const close = (but) => menus.forEach((menu) => { if (menu !== but) menu.open = false; });
document.addEventListener("click", (event) => close(event.target.closest("details.menu")));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const open = menus.find((menu) => menu.open);
  if (open) { open.open = false; open.querySelector("summary").focus(); }
});

// What was refused is where one goes on.
const wrong = document.querySelector("[aria-invalid=true]") || document.querySelector("[data-focus]");
if (wrong) wrong.focus();

// A theme as it would look, while its colours are chosen.
for (const color of document.querySelectorAll("[data-property]")) {
  const sample = color.form.querySelector(".sample");
  const show = () => sample.style.setProperty(color.dataset.property, color.value);
  color.addEventListener("input", show);
  show();
}

// Colleagues while one types into a list of addresses: arrows choose, Enter takes, Escape closes.
for (const box of document.querySelectorAll("[data-suggest]")) {
  const field = box.querySelector("textarea");
  const list = document.createElement("ul");
  const told = document.createElement("p");
  Object.assign(list, { id: field.id + "-list", className: "suggestions", role: "listbox", ariaLabel: box.dataset.label, hidden: true });
  Object.assign(told, { className: "sr", role: "status" });
  box.append(list, told);
  field.setAttribute("aria-autocomplete", "list");
  let people = [], chosen = -1, asked = 0, timer;
  const before = () => field.value.slice(0, field.selectionStart);
  const typed = () => before().split(/[,;\n]/).pop().trim();
  const choose = (next) => {
    chosen = next;
    [...list.children].forEach((option, index) => option.setAttribute("aria-selected", index === chosen));
    if (chosen < 0) field.removeAttribute("aria-activedescendant");
    else field.setAttribute("aria-activedescendant", list.children[chosen].id);
  };
  const show = (found) => {
    people = found;
    list.replaceChildren(...people.map((person, index) => {
      const option = document.createElement("li");
      const address = document.createElement("span");
      Object.assign(option, { id: `${list.id}-${index}`, role: "option", textContent: person.name });
      address.textContent = person.address;
      option.append(address);
      option.addEventListener("pointerdown", (event) => { event.preventDefault(); take(index); });
      return option;
    }));
    list.hidden = !people.length;
    if (people.length) field.setAttribute("aria-controls", list.id); else field.removeAttribute("aria-controls");
    told.textContent = !people.length ? "" : people.length === 1 ? box.dataset.one : box.dataset.many.replace("{}", people.length);
    choose(-1);
  };
  const take = (index) => {
    const { name, address } = people[index];
    const start = before().search(/[^,;\n]*$/);
    const entry = `${start && !/\s/.test(field.value[start - 1]) ? " " : ""}"${name.replace(/["\\]/g, "")}" <${address}>, `;
    field.setRangeText(entry, start, field.selectionStart, "end");
    show([]);
    field.focus();
  };
  field.addEventListener("input", () => {
    clearTimeout(timer);
    const words = typed();
    const own = ++asked;
    if (words.length < 2 || words.length > 254 || words.includes("<")) { show([]); return; }
    timer = setTimeout(async () => {
      try {
        const answer = await fetch(`${box.dataset.suggest}?q=${encodeURIComponent(words)}`);
        const found = answer.ok ? await answer.json() : [];
        if (own === asked) show(found);
      } catch {
        // Without an answer one types on.
      }
    }, 150);
  });
  field.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    const last = people.length - 1;
    if (event.key === "ArrowDown") choose(chosen < last ? chosen + 1 : 0);
    else if (event.key === "ArrowUp") choose(chosen > 0 ? chosen - 1 : last);
    else if (event.key === "Enter" && chosen >= 0) take(chosen);
    else if (event.key === "Escape") show([]);
    else return;
    event.preventDefault();
  });
  field.addEventListener("blur", () => { asked += 1; show([]); });
}

// Time zones to choose from while one types.
for (const list of document.querySelectorAll("[data-zones]")) {
  for (const zone of Intl.supportedValuesOf?.("timeZone") || []) list.append(new Option(zone, zone));
}

// How far an upload is.
for (const form of document.querySelectorAll("[data-upload]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const request = new XMLHttpRequest();
    const bar = form.querySelector("progress");
    const button = form.querySelector("button");
    bar.hidden = false;
    button.disabled = true;
    request.upload.addEventListener("progress", (sent) => { bar.value = 100 * sent.loaded / sent.total; });
    request.addEventListener("load", () => {
      if (request.status < 400) { location.assign(request.responseURL); return; }
      document.open();
      document.write(request.responseText);
      document.close();
    });
    request.addEventListener("error", () => { bar.hidden = true; button.disabled = false; form.submit(); });
    request.open("POST", form.action);
    request.send(new FormData(form));
  });
}

// A visit lasts as long as the page is in front; that it began, the server has noted.
for (const form of document.querySelectorAll("[data-visit]")) {
  const tell = () => {
    if (document.visibilityState === "visible") fetch(form.action, { method: "POST", keepalive: true }).catch(() => {});
  };
  setInterval(tell, 30000);
}
