namespace NotebookRunner;

/// <summary>Text that is HTML.</summary>
public sealed record Markup(string Content);
