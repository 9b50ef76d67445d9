'use strict';
// Sorting: the header cells of every sortable table become buttons.
for (const table of document.querySelectorAll('table[data-sortable]')) {
  const headers = [...table.tHead.rows[0].cells];
  headers.forEach((header, column) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener('click', () => {
      const numeric = isNumeric(table, column);
      const before = header.getAttribute('aria-sort');
      const descending = before ? before === 'ascending' : numeric;
      headers.forEach((other) => other.removeAttribute('aria-sort'));
      header.setAttribute('aria-sort', descending ? 'descending' : 'ascending');
      sort(table.tBodies[0], column, numeric, descending);
    });
  });
}

function isNumeric(table, column) {
  return [...table.tBodies[0].rows].every((row) => !Number.isNaN(Number(row.cells[column].dataset.v)));
}

// Cells without a value come last in either order; equal ones stay as they are.
function sort(body, column, numeric, descending) {
  const value = (row) => row.cells[column].dataset.v;
  const compare = numeric ? (a, b) => Number(a) - Number(b) : (a, b) => a.localeCompare(b);
  const rows = [...body.rows].sort((one, other) => {
    const [a, b] = [value(one), value(other)];
    if (a === '' || b === '') return (a === '') - (b === '');
    return descending ? compare(b, a) : compare(a, b);
  });
  body.append(...rows);
}

// One rate at a time, some groups, and part of a name.
for (const form of document.querySelectorAll('form[data-controls]')) {
  const choices = [...form.parentElement.querySelectorAll('[data-choice]')];
  const update = () => {
    const rate = form.elements.rate.length === undefined ? form.elements.rate.value : [...form.elements.rate].find((each) => each.checked).value;
    const groups = new Set([...form.querySelectorAll('[name=group]:checked')].map((each) => each.value));
    const part = form.elements.filter.value.trim().toLowerCase();
    for (const choice of choices) {
      choice.classList.toggle('off', choice.dataset.choice !== rate);
      let shown = 0;
      const rows = choice.querySelector('tbody').rows;
      for (const row of rows) {
        row.hidden = !groups.has(row.dataset.group) || !row.cells[0].textContent.toLowerCase().includes(part);
        shown += !row.hidden;
      }
      if (choice.dataset.choice === rate) form.querySelector('output').textContent = `${shown} of ${rows.length} classes`;
    }
  };
  form.addEventListener('input', update);
  form.addEventListener('submit', (event) => event.preventDefault());
  update();
}
