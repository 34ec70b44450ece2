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
const tellTimes = (part) => {
  for (const time of part.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    try {
      const format = { dateStyle: "medium", timeStyle: "short", timeZone: zone };
      time.textContent = new Intl.DateTimeFormat(document.documentElement.lang, format).format(at);
    } catch {
      // A zone that this browser does not know: the text stays.
    }
  }
};
tellTimes(document);
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
      if (fresh) { logs.innerHTML = fresh.innerHTML; tellTimes(logs); }
    }
    watchLogs(tries + 1);
  }, 1500);
};
watchLogs(0);

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
