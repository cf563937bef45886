"use strict";
// A bar lists the mails that it stands for. Whatever comes out of a mail becomes a text node and nothing else.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const dialog = document.querySelector("dialog");
  const verdicts = { accept: "accepted", quarantine: "held", tempfail: "put off", reject: "refused" };

  function make(name, className, text) {
    const element = document.createElement(name);
    if (className) element.className = className;
    if (text) element.textContent = text;
    return element;
  }

  function cell(className, ...children) {
    const made = make("td", className);
    made.append(...children.filter(Boolean));
    return made;
  }

  function lines(texts, className) {
    return texts.map((text) => make("div", className, text));
  }

  function row(mail) {
    const made = make("tr");
    const outcome = (mail.was ? verdicts[mail.was] + " → " : "") + verdicts[mail.verdict];
    const subject = cell("", make("div", "subject", mail.subject || "(no subject)"), make("div", "from", mail.from));
    const rule = mail.rule || (mail.old_rule ? "before: " + mail.old_rule : "");
    const what = cell("", make("div", "", rule), make("div", "what", outcome));
    const evidence = cell("what", ...lines(mail.evidence), ...lines(mail.reasons, "speaks"));
    made.append(subject, cell("num", mail.date), what, evidence, cell("", ...opener(mail)));
    return made;
  }

  function opener(mail) {
    const place = make("div", "what place", mail.place);
    place.title = mail.place;
    if (!mail.command) return [place];
    // Without a file of rows the command names the place itself.
    const apart = mail.command.includes(mail.place) ? [] : [place];
    const open = make("div", "open");
    const copy = make("button", "copy", "Copy");
    copy.type = "button";
    copy.dataset.copy = mail.command;
    copy.setAttribute("aria-label", "Copy the command that shows this mail");
    const command = make("code", "", mail.command);
    command.title = mail.command;
    open.append(command, copy);
    return [...apart, open];
  }

  function show(group) {
    dialog.querySelector("h2").textContent = group.title;
    dialog.querySelector(".about").textContent = group.note;
    const table = make("table", "mails");
    const head = make("thead");
    const names = make("tr");
    for (const name of ["Subject and From", "Date", "Rule and verdict", "Evidence", "Where it lies"]) {
      const th = make("th", "", name);
      th.scope = "col";
      names.append(th);
    }
    head.append(names);
    const body = make("tbody");
    body.append(...group.mails.map((number) => row(data.mails[number])));
    table.append(head, body);
    dialog.querySelector(".list").replaceChildren(table);
    dialog.showModal();
    dialog.scrollTop = 0;
  }

  async function copy(button) {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      // Without a clipboard the command is marked, for Ctrl-C.
      getSelection().selectAllChildren(button.previousElementSibling);
      return;
    }
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  }

  document.addEventListener("click", (event) => {
    const copying = event.target.closest("[data-copy]");
    if (copying) return void copy(copying);
    if (event.target === dialog || event.target.closest(".close")) return dialog.close();
    const chosen = event.target.closest("[data-group]");
    if (chosen) show(data.groups[Number(chosen.dataset.group)]);
  });
  // What is drawn has no button's keys of its own.
  document.addEventListener("keydown", (event) => {
    if ((event.key === "Enter" || event.key === " ") && event.target.matches("g[data-group]")) {
      event.preventDefault();
      show(data.groups[Number(event.target.dataset.group)]);
    }
  });
})();
