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
const drawTime = (time) => {
  const at = new Date(time.dateTime);
  try {
    const format = { dateStyle: "medium", timeStyle: "short", timeZone: zone };
    time.textContent = new Intl.DateTimeFormat(document.documentElement.lang, format).format(at);
  } catch {
    // A zone that this browser does not know: the text stays.
  }
};
document.querySelectorAll("time[datetime]").forEach(drawTime);
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

// Records of a CRM, found while one types; the button beside the field does the same.
for (const pick of document.querySelectorAll("[data-pick]")) {
  const { pick: source, name, many = "" } = pick.dataset;
  const query = pick.querySelector("[type=search]");
  const from = pick.querySelector("select");
  const found = pick.querySelector(".found");
  let waiting, asked = 0;
  const find = async () => {
    const chosen = pick.querySelector("[type=radio]:checked");
    const wanted = { name, many, q: query.value, connection: from ? from.value : "", chosen: chosen ? chosen.value : "" };
    const turn = ++asked;
    try {
      const answer = await fetch(source + "?" + new URLSearchParams(wanted));
      const html = await answer.text();
      // Only the last question counts, and no page but a part.
      if (turn !== asked || !answer.ok || answer.redirected) return;
      found.innerHTML = html;
      pick.classList.remove("wrong");
      query.removeAttribute("aria-invalid");
      query.removeAttribute("aria-describedby");
    } catch {
      // The button is still there.
    }
  };
  const soon = () => { clearTimeout(waiting); if (query.value.trim().length !== 1) waiting = setTimeout(find, 250); };
  query.addEventListener("input", soon);
  if (from) from.addEventListener("change", soon);
  const now = (event) => { event.preventDefault(); clearTimeout(waiting); find(); };
  query.addEventListener("keydown", (event) => { if (event.key === "Enter") now(event); });
  pick.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.name === name + "_find") { now(event); return; }
    event.preventDefault();
    const list = pick.form.elements.pasted_list;
    list.value = (list.value.trimEnd() + "\n" + button.value).trimStart();
    button.disabled = true;
  });
}

// Logs on their way to a CRM are looked at until they are there.
const watchLogs = (tries) => {
  const logs = document.querySelector("[data-logs]");
  const isNew = location.search.includes("done=crm-") && tries < 8;
  if (!logs || tries > 60 || !(isNew || logs.querySelector("[data-pending]"))) return;
  setTimeout(async () => {
    if (document.visibilityState === "visible" && !logs.contains(document.activeElement)) {
      const answer = await fetch(logs.dataset.logs).catch(() => null);
      const page = answer && answer.ok && new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page && page.querySelector("[data-logs]");
      if (fresh) { logs.innerHTML = fresh.innerHTML; logs.querySelectorAll("time[datetime]").forEach(drawTime); }
    }
    watchLogs(tries + 1);
  }, 1500);
};
watchLogs(0);
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

// What is said of the connection, calmly, above the page.
const stateBar = document.querySelector("[data-state]");
const tellState = (words, kind) => {
  stateBar.textContent = words;
  stateBar.dataset.state = words ? kind || "bad" : "";
};
addEventListener("offline", () => tellState(stateBar.dataset.offline));
addEventListener("online", () => tellState(stateBar.dataset.online, "good"));
if (!navigator.onLine) tellState(stateBar.dataset.offline);

// A form in which something was typed is sent once the server answers; until then the page with what was typed stays.
const sure = new WeakSet();
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post" || form.enctype !== "application/x-www-form-urlencoded") return;
  if (sure.has(form)) { sure.delete(form); return; }
  if (!form.querySelector("textarea, input:not([type=hidden])")) return;
  event.preventDefault();
  if (form.dataset.busy) return;
  form.dataset.busy = "yes";
  const answers = navigator.onLine && await fetch("/static/icon.svg", { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(8000) }).then(() => true, () => false);
  delete form.dataset.busy;
  if (!answers) { tellState(stateBar.dataset[navigator.onLine ? "unsent" : "offline"]); return; }
  tellState("");
  sure.add(form);
  // The rules of the fields have been looked at: the browser asks once.
  const noted = form.noValidate;
  form.noValidate = true;
  form.requestSubmit(event.submitter);
  form.noValidate = noted;
});

// What is edited in place: the text makes room for its form; Cancel puts it back as it was.
for (const fold of document.querySelectorAll("details.edit, details.change")) {
  fold.addEventListener("toggle", () => { if (fold.open) fold.querySelector("textarea, input:not([type=hidden])")?.focus(); });
}
for (const cancel of document.querySelectorAll("[data-cancel]")) {
  const fold = cancel.closest("details");
  const leave = (event) => {
    event.preventDefault();
    cancel.closest("form").reset();
    fold.open = false;
    fold.querySelector("summary").focus();
  };
  // A form that was refused holds what was typed: that page is left for a fresh one.
  if (cancel.closest("form").querySelector(".alert")) continue;
  cancel.addEventListener("click", leave);
  fold.addEventListener("keydown", (event) => { if (event.key === "Escape" && fold.open) leave(event); });
}

// Notices as they come. One page of the browser listens and tells the others; where it stood is kept, so that none is lost.
const toast = document.querySelector("[data-toast]");
const CURSOR = "notices";
const keptCursor = { get: () => sessionStorage.getItem(CURSOR) || "", set: (cursor) => sessionStorage.setItem(CURSOR, cursor) };
const drawNotice = (said) => {
  for (const badge of document.querySelectorAll("[data-unread]")) {
    badge.hidden = !said.unread;
    badge.querySelector("b").textContent = said.unread > 99 ? "99+" : said.unread;
  }
  const { notice } = said;
  if (!notice) return;
  const line = toast.querySelector("p");
  line.querySelector("a").textContent = notice.summary;
  line.querySelector("a").href = notice.to;
  line.hidden = false;
  const list = document.querySelector("[data-notices]");
  if (!list || list.querySelector("[data-id='" + notice.id + "']")) return;
  const item = document.querySelector("#notice").content.cloneNode(true);
  item.querySelector("li").dataset.id = notice.id;
  item.querySelector("a").textContent = notice.summary;
  item.querySelector("a").href = notice.to;
  item.querySelector(".facts span").textContent = notice.space;
  const time = item.querySelector("time");
  time.dateTime = notice.when;
  drawTime(time);
  list.prepend(item);
  list.hidden = false;
  for (const part of document.querySelectorAll("[data-nothing]")) part.hidden = true;
};
const watchNotices = async () => {
  const others = new BroadcastChannel(CURSOR);
  const hear = (said) => {
    if (said.cursor) keptCursor.set(said.cursor);
    drawNotice(said);
  };
  others.addEventListener("message", (event) => hear(event.data));
  await navigator.locks.request(CURSOR, async () => {
    for (let wait = 1; ; wait = Math.min(2 * wait, 60)) {
      const quiet = new AbortController();
      let timer = setTimeout(() => quiet.abort(), 45000);
      try {
        const answer = await fetch("/app/notices/live?after=" + encodeURIComponent(keptCursor.get()), { signal: quiet.signal });
        if (answer.status === 400) keptCursor.set("");
        if (answer.status === 401) { tellState(stateBar.dataset.over); return; }
        const lines = answer.ok && answer.body.pipeThrough(new TextDecoderStream()).getReader();
        for (let rest = ""; lines; ) {
          const { value, done } = await lines.read();
          if (done) break;
          clearTimeout(timer);
          timer = setTimeout(() => quiet.abort(), 45000);
          const parts = (rest + value).split("\n");
          rest = parts.pop();
          for (const said of parts.map((part) => JSON.parse(part))) {
            if (said.ended) { tellState(stateBar.dataset.over); return; }
            wait = .5;
            hear(said);
            others.postMessage(said);
          }
        }
      } catch {
        // The connection broke off: it is taken up again where it stood.
      }
      clearTimeout(timer);
      await new Promise((on) => setTimeout(on, 1000 * wait));
    }
  });
};
if (toast) {
  toast.querySelector("button").addEventListener("click", () => { toast.querySelector("p").hidden = true; });
  if (navigator.locks && window.BroadcastChannel) watchNotices();
} else {
  // Whoever signs in next stands elsewhere.
  sessionStorage.removeItem(CURSOR);
}

// A visit lasts as long as the page is in front; that it began, the server has noted.
for (const form of document.querySelectorAll("[data-visit]")) {
  const tell = () => {
    if (document.visibilityState === "visible") fetch(form.action, { method: "POST", keepalive: true }).catch(() => {});
  };
  setInterval(tell, 30000);
}
