using System.Globalization;

namespace Ulrl.Training.Data;

/// <summary>
/// The header of a .npy file: the text of a Python dictionary with keys <c>descr</c>, <c>fortran_order</c> and
/// <c>shape</c> (NumPy Enhancement Proposal 1). Only that dictionary is understood; nothing is evaluated.
/// </summary>
internal sealed record NpyHeader(string Descriptor, bool FortranOrder, int[] Shape)
{
    private const int MaxRank = 64;

    /// <summary>Parses the header's text.</summary>
    /// <exception cref="DataSetException">The text is not such a dictionary, or the array is of a refused kind.</exception>
    public static NpyHeader Parse(string text, string where) => new Parser(text, where).Parse();

    private sealed class Parser(string text, string where)
    {
        private int position;

        public NpyHeader Parse()
        {
            string? descriptor = null;
            bool? fortran = null;
            int[]? shape = null;
            Expect('{');
            while (!Accept('}'))
            {
                var key = QuotedString();
                Expect(':');
                switch (key)
                {
                    case "descr" when descriptor is null:
                        descriptor = Descriptor();
                        break;
                    case "fortran_order" when fortran is null:
                        fortran = Boolean();
                        break;
                    case "shape" when shape is null:
                        shape = Tuple();
                        break;
                    default:
                        throw Malformed();
                }

                if (!Accept(','))
                {
                    Expect('}');
                    break;
                }
            }

            SkipSpace();
            if (position != text.Length || descriptor is null || fortran is null || shape is null)
                throw Malformed();
            return new NpyHeader(descriptor, fortran.Value, shape);
        }

        private string Descriptor()
        {
            SkipSpace();
            if (position < text.Length && text[position] == '[')
                throw new DataSetException($"{where}: structured arrays are not read; store a plain numeric array");
            return QuotedString();
        }

        private bool Boolean()
        {
            SkipSpace();
            foreach (var value in new[] { true, false })
            {
                var word = value.ToString();
                if (string.CompareOrdinal(text, position, word, 0, word.Length) == 0)
                {
                    position += word.Length;
                    return value;
                }
            }

            throw Malformed();
        }

        private int[] Tuple()
        {
            var dimensions = new List<int>();
            Expect('(');
            while (!Accept(')'))
            {
                dimensions.Add(Dimension());
                if (dimensions.Count > MaxRank)
                    throw new DataSetException($"{where}: the array has more than {MaxRank} dimensions; reshape it");
                if (!Accept(','))
                {
                    Expect(')');
                    break;
                }
            }

            return [.. dimensions];
        }

        private int Dimension()
        {
            SkipSpace();
            var start = position;
            while (position < text.Length && char.IsAsciiDigit(text[position]))
                position++;
            var digits = text.AsSpan(start, position - start);
            if (digits.IsEmpty)
                throw Malformed();
            if (!int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var dimension))
                throw new DataSetException($"{where}: dimension {digits[..Math.Min(digits.Length, 30)]} is more than one array can hold; use fewer samples");

            // Python 2 wrote long integers with a suffix.
            if (position < text.Length && text[position] == 'L')
                position++;
            return dimension;
        }

        private string QuotedString()
        {
            SkipSpace();
            if (position >= text.Length || text[position] is not ('\'' or '"'))
                throw Malformed();
            var end = text.IndexOf(text[position], position + 1);
            if (end < 0)
                throw Malformed();
            var value = text[(position + 1)..end];
            position = end + 1;
            return value;
        }

        private bool Accept(char symbol)
        {
            SkipSpace();
            if (position >= text.Length || text[position] != symbol)
                return false;
            position++;
            return true;
        }

        private void Expect(char symbol)
        {
            if (!Accept(symbol))
                throw Malformed();
        }

        private void SkipSpace()
        {
            while (position < text.Length && text[position] is (' ' or '\n' or '\t' or '\r'))
                position++;
        }

        private DataSetException Malformed() =>
            new($"{where}: the .npy header is malformed at character {position}; the file is damaged");
    }
}
